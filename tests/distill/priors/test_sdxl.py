"""SDXL on a tiny model of the real classes, held against the pipeline of diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.controlnet.pipeline_controlnet_sd_xl import StableDiffusionXLControlNetPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from distill.ddim import sample_ddim
from distill.prior import PromptEmbeds
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions
from distill.priors.sdxl import PARTS, SDXL
from tests.distill.priors.family import CHECKS, check_missing_parts, check_overflow, noisy, tiny
from tests.distill.priors.tiny_sdxl import save_tiny_sdxl

PROMPTS = ["a red apple", "a blue mug, overhead view"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture()
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def pipeline(folder: Path, zeros: bool = True) -> Any:
    """diffusers' own, of the folder's parts, with its scheduler's steps where ours are."""
    scheduler: Any = EulerDiscreteScheduler.from_pretrained(str(folder / "scheduler"), timestep_spacing="trailing")
    pipe: Any = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(str(folder / "vae")),
        text_encoder=CLIPTextModel.from_pretrained(str(folder / "text_encoder")),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(str(folder / "text_encoder_2")),
        tokenizer=CLIPTokenizer.from_pretrained(str(folder / "tokenizer")),
        tokenizer_2=CLIPTokenizer.from_pretrained(str(folder / "tokenizer_2")),
        unet=UNet2DConditionModel.from_pretrained(str(folder / "unet")),
        scheduler=scheduler,
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pipelines_start(pipe: Any, steps: int) -> float:
    """What noise is multiplied by to be x_T to the pipeline: it takes sigma for its size, not sqrt(sigma² + 1)."""
    pipe.scheduler.set_timesteps(steps)
    sigma = float(pipe.scheduler.init_noise_sigma)
    return (sigma**2 + 1) ** 0.5 / sigma


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_does_what_every_family_does(check: Callable[[Path], None], folder: Path) -> None:
    check(folder)


def test_its_shape_and_style(folder: Path) -> None:
    prior = tiny(folder)
    assert isinstance(prior, SDXL)
    assert (prior.shape, prior.card.resolution, prior.card.max_tokens) == ((4, 8, 8), 64, 77)
    assert prior.card.order[-1] == "view"


@pytest.mark.parametrize("zeros", [True, False])
def test_the_embeddings_are_the_pipelines(zeros: bool, tmp_path: Path) -> None:
    folder = save_tiny_sdxl(tmp_path, zeros=zeros)
    hidden, empty, pooled, empty_pooled = pipeline(folder, zeros).encode_prompt(PROMPTS)
    embeds = tiny(folder).embed([*PROMPTS, ""])
    assert embeds.pooled is not None
    assert torch.allclose(embeds.hidden, torch.cat([hidden, empty[:1]]), atol=1e-5)
    assert torch.allclose(embeds.pooled, torch.cat([pooled, empty_pooled[:1]]), atol=1e-5)
    assert bool((embeds.hidden[2] == 0).all()) == zeros


def test_no_prompt_is_zeros_where_the_folder_does_not_say(copy: Path) -> None:
    (copy / "model_index.json").unlink()
    embeds = tiny(copy).embed(["", "a red apple"])
    assert embeds.hidden[0].abs().max() == 0 and embeds.hidden[1].abs().max() > 0


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_the_noise_is_what_diffusers_scheduler_would_derive(
    prediction_type: Literal["epsilon", "v_prediction"], tmp_path: Path
) -> None:
    """One step of the pipeline's own scheduler, on the output of its own UNet."""
    folder = save_tiny_sdxl(tmp_path, prediction_type=prediction_type)
    prior, pipe = tiny(folder), pipeline(folder)
    hidden, _, pooled, _ = pipe.encode_prompt(PROMPTS)
    x_t, t = noisy(prior)
    sizes = torch.tensor([[64, 64, 0, 0, 64, 64]] * 2)
    with torch.no_grad():
        output = pipe.unet(x_t, t, hidden, added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes}).sample
    predicted = prior.predict_noise(x_t, t, prior.embed(PROMPTS))
    pipe.scheduler.set_timesteps(1000)
    for i, step in enumerate(t):
        pipe.scheduler._step_index = None
        alpha, sigma = prior.schedule.alphas[step], prior.schedule.sigmas[step]
        # Euler's scheduler counts in x / alpha.
        clean = pipe.scheduler.step(output[i], step.float(), x_t[i] / alpha).pred_original_sample
        assert torch.allclose(alpha * clean + sigma * predicted[i], x_t[i], atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{}, {"prediction_type": "v_prediction"}, {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}],
    ids=["epsilon", "v", "v from pure noise"],
)
def test_sampling_gives_the_pipelines_picture(settings: dict[str, Any], tmp_path: Path) -> None:
    """From text to latents, guided as both do when nobody says how; an Euler step in x / alpha is a DDIM step."""
    folder = save_tiny_sdxl(tmp_path, **settings)
    prior, pipe = tiny(folder), pipeline(folder)
    ours = sample_ddim(prior, prior.embed(PROMPTS), prior.embed([""]), torch.Generator().manual_seed(3), steps=4)
    noise = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(3))
    latents = noise * pipelines_start(pipe, 4)
    theirs = pipe(PROMPTS, num_inference_steps=4, latents=latents, output_type="latent").images
    assert ours.isfinite().all()
    assert (ours - theirs).norm() < 2e-3 * theirs.norm()


def test_a_controlnet_steers_it_as_in_the_pipeline(folder: Path, tmp_path: Path) -> None:
    net_folder = tmp_path / "tiny-depth"
    unet: Any = UNet2DConditionModel.from_pretrained(str(folder / "unet"))
    net: Any = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8,) * 4)  # pyright: ignore
    with torch.no_grad():
        for layer in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
            layer.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(5))  # zero as long as untrained
    net.save_pretrained(str(net_folder))
    prior = tiny(folder, options=PriorOptions(controlnet=str(net_folder), controlnet_scale=(0.7,)))
    assert prior.controls == ("depth",)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(6))

    def seen(prompts: list[str]) -> PromptEmbeds:
        return replace(prior.embed(prompts), controls=picture.repeat(len(prompts), 1, 1, 1))

    ours = sample_ddim(prior, seen(PROMPTS), seen([""]), torch.Generator().manual_seed(3), steps=2)
    parts = pipeline(folder).components
    for part in ("image_encoder", "feature_extractor"):
        parts.pop(part)
    pipe: Any = StableDiffusionXLControlNetPipeline(**parts, controlnet=net, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(3))
    theirs = pipe(
        PROMPTS,
        image=picture.repeat(2, 1, 1, 1),
        num_inference_steps=2,
        controlnet_conditioning_scale=0.7,
        latents=noise * pipelines_start(pipe, 2),
        output_type="latent",
    ).images
    assert (ours - theirs).norm() < 2e-3 * theirs.norm()
    plain = sample_ddim(tiny(folder), prior.embed(PROMPTS), prior.embed([""]), torch.Generator().manual_seed(3), 2)
    assert (ours - plain).norm() > 0.05 * plain.norm()


def test_overflow_goes_on_in_float32(copy: Path) -> None:
    check_overflow(copy, "conv_in.weight")


def test_missing_and_pickled_parts_are_named(copy: Path) -> None:
    check_missing_parts(copy, tuple(part for part in PARTS if part != "text_encoder_2"))


def test_a_refiner_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_sdxl(tmp_path, sizes=5)
    shutil.rmtree(folder / "text_encoder")
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(PriorError, match=r"refiner takes 5.*base model"):
        tiny(folder)


@pytest.mark.parametrize("channels", [8, 9])
def test_editing_and_inpainting_models_are_refused(channels: int, tmp_path: Path) -> None:
    with pytest.raises(PriorError, match=f"{channels} channels.*inpainting"):
        tiny(save_tiny_sdxl(tmp_path, channels=channels))


def test_other_noise_is_refused(copy: Path) -> None:
    scheduler = copy / "scheduler" / "scheduler_config.json"
    for kind in ("EDMDPMSolverMultistepScheduler", "FlowMatchEulerDiscreteScheduler"):
        scheduler.write_text(json.dumps({"_class_name": kind}), encoding="utf-8")
        with pytest.raises(PriorError, match=kind):
            tiny(copy)
    scheduler.unlink()
    with pytest.raises(PriorError, match=r"scheduler_config\.json"):
        tiny(copy)


def test_latents_normalised_by_channel_are_refused(copy: Path) -> None:
    config = copy / "vae" / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "latents_mean": [0.0] * 4}), encoding="utf-8")
    with pytest.raises(PriorError, match="latents_mean"):
        tiny(copy)
