"""ControlNets beside a tiny Stable Diffusion, all of the real classes, held against diffusers' own pipeline."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from distill.load import MissingPrior, load_prior
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.loading import PriorError
from distill.priors.options import OptionError, PriorOptions, try_options
from distill.rules.bridge import Bridge
from distill.rules.rule import PromptBatch
from tests.distill.priors.tiny_controlnet import save_tiny_controlnet
from tests.distill.priors.tiny_stable_diffusion import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "tiny-depth", folder)


@pytest.fixture(scope="module")
def untrained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "tiny-normal", folder, trained=False)


def prior_with(folder: Path, net: Path | str, dtype: str = "float32", **options: Any) -> DiffusersPrior:
    return load_prior(str(folder), "cpu", dtype, options=PriorOptions(controlnet=str(net), **options))


def seen(prior: DiffusersPrior, pictures: Tensor) -> PromptEmbeds:
    embeds = prior.embed(["a red apple"] * len(pictures))
    return replace(embeds, controls=pictures)


def pictures(count: int = 2, side: int = 32) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


def latents(count: int = 2) -> Tensor:
    return torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(4))


T = torch.tensor([100, 700])


def test_an_untrained_controlnet_changes_nothing(folder: Path, untrained: Path) -> None:
    plain, prior = load_prior(str(folder), "cpu", "float32"), prior_with(folder, untrained)
    assert (plain.controls, prior.controls) == ((), ("normal",))
    wanted = plain.predict_noise(latents(), T, plain.embed(["a red apple"] * 2))
    assert torch.equal(prior.predict_noise(latents(), T, seen(prior, pictures())), wanted)


def test_a_trained_one_changes_the_prediction_as_the_picture_and_the_scale_say(folder: Path, trained: Path) -> None:
    plain, prior = load_prior(str(folder), "cpu", "float32"), prior_with(folder, trained)
    x, shown = latents(), pictures()
    without = plain.predict_noise(x, T, plain.embed(["a red apple"] * 2))
    change = prior.predict_noise(x, T, seen(prior, shown)) - without
    assert change.abs().max() > 0.01
    other = prior.predict_noise(x, T, seen(prior, torch.stack([shown[0], 1 - shown[1]]))) - without
    assert torch.allclose(other[0], change[0], atol=1e-5) and (other[1] - change[1]).abs().max() > 1e-3
    off = prior_with(folder, trained, controlnet_scale=(0.0,))
    assert torch.allclose(off.predict_noise(x, T, seen(off, shown)), without, atol=1e-6)


def test_a_picture_of_any_size_is_resized(folder: Path, trained: Path) -> None:
    prior = prior_with(folder, trained)
    flat = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None]
    small, large = (
        prior.predict_noise(latents(1), T[:1], seen(prior, flat.expand(1, 3, side, side))) for side in (20, 64)
    )
    assert torch.allclose(small, large, atol=1e-5)


def test_a_step_is_the_one_of_diffusers_pipeline(folder: Path, trained: Path) -> None:
    """One DDIM step of its pipeline at guidance 7.5 against ours, from the same noise."""
    scheduler: Any = DDIMScheduler.from_pretrained(str(folder / "scheduler"), clip_sample=False, steps_offset=0)
    prior = prior_with(folder, trained, controlnet_scale=(0.7,))
    embeds, empty = prior.embed(["a red apple"]).hidden, prior.embed([""]).hidden
    pipeline: Any = StableDiffusionControlNetPipeline(
        vae=prior.space.vae,  # type: ignore[attr-defined]
        text_encoder=None,  # type: ignore[arg-type]
        tokenizer=None,  # type: ignore[arg-type]
        unet=UNet2DConditionModel.from_pretrained(str(folder / "unet")),  # type: ignore[arg-type]
        controlnet=ControlNetModel.from_pretrained(str(trained)),  # type: ignore[arg-type]
        scheduler=scheduler,
        safety_checker=None,  # type: ignore[arg-type]
        feature_extractor=None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt_embeds=embeds,
        negative_prompt_embeds=empty,
        image=pictures(1),
        num_inference_steps=1,
        guidance_scale=7.5,
        controlnet_conditioning_scale=0.7,
        latents=latents(1),
        output_type="latent",
    ).images
    (t,) = scheduler.timesteps
    guided, free = (
        prior.predict_noise(latents(1), t[None], PromptEmbeds(hidden, controls=pictures(1)))
        for hidden in (embeds, empty)
    )
    ours = scheduler.step(free + 7.5 * (guided - free), t, latents(1)).prev_sample
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_rules_and_adapters_see_the_picture(folder: Path, trained: Path) -> None:
    prior = prior_with(folder, trained)
    embeds, x, noise = seen(prior, pictures()), latents(), torch.randn(2, 4, 8, 8)
    rule, source = Bridge(), replace(embeds, hidden=prior.embed(["a dull apple"] * 2).hidden)
    gradient, _ = rule.step(rule.init(prior), prior, x, T, noise, PromptBatch(embeds, source, embeds, embeds))
    assert gradient.shape == x.shape and gradient.any()
    adapter = prior.adapter(2, torch.Generator().manual_seed(0))
    assert torch.allclose(adapter.predict_noise(x, T, embeds), prior.predict_noise(x, T, embeds), atol=1e-6)
    assert adapter.loss(x, T, noise, embeds).isfinite()


def test_without_a_picture_it_says_which(folder: Path, trained: Path) -> None:
    prior = prior_with(folder, trained)
    with pytest.raises(ValueError, match=r"to be shown the shape's depth; set PromptEmbeds\.controls"):
        prior.predict_noise(latents(1), T[:1], prior.embed(["a red apple"]))


def test_half_precision_falls_back_together(folder: Path, trained: Path, tmp_path: Path) -> None:
    half = prior_with(folder, trained, "bfloat16")
    exact = prior_with(folder, trained)
    wanted = exact.predict_noise(latents(), T, seen(exact, pictures()))
    assert (half.predict_noise(latents(), T, seen(half, pictures())) - wanted).norm() < 0.05 * wanted.norm()
    copy = shutil.copytree(folder, tmp_path / "sd")
    weights = UNet2DConditionModel.from_pretrained(str(copy / "unet"))
    with torch.no_grad():
        weights.conv_in.weight.mul_(1e6)  # beyond float16
    weights.save_pretrained(str(copy / "unet"))
    prior = prior_with(copy, trained, "float16")
    assert prior.predict_noise(latents(), T, seen(prior, pictures())).isfinite().all()
    assert prior.dtype == torch.float32 and "float32" in prior.notes[0]


@pytest.mark.parametrize(
    ("name", "saved_as", "kind"),
    [
        ("control-Depth-v2", "", "depth"),
        ("sd15_normalbae", "", "normal"),
        ("mine", "/some/where/sd15-depth", "depth"),
        ("depth:mine", "", "depth"),
        ("normal:sd15-depth", "", "normal"),
        ("control_v11f1e_sd15_tile", "", "color"),
        ("color:mine", "", "color"),
    ],
)
def test_what_it_sees_is_in_its_name_or_said(
    name: str, saved_as: str, kind: str, folder: Path, trained: Path, tmp_path: Path
) -> None:
    said, colon, own = name.rpartition(":")
    net = shutil.copytree(trained, tmp_path / own)
    config = json.loads((net / "config.json").read_text(encoding="utf-8")) | {"_name_or_path": saved_as}
    (net / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert prior_with(folder, f"{said}{colon}{net}").controls == (kind,)


def test_a_name_that_does_not_tell_is_asked_for(folder: Path, trained: Path, tmp_path: Path) -> None:
    net = shutil.copytree(trained, tmp_path / "mine")
    with pytest.raises(PriorError, match=f"write depth:{net} or normal:{net} or color:{net}"):
        prior_with(folder, net)


def both(folder: Path, first: Path, second: Path, scales: tuple[float, ...] = (1.0,)) -> DiffusersPrior:
    return prior_with(folder, f"normal:{first}, color:{second}", controlnet_scale=scales)


@pytest.fixture(scope="module")
def another(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "tiny-tile", folder, seed=5)


def test_several_are_those_of_diffusers_each_with_its_picture_and_scale(
    folder: Path, trained: Path, another: Path
) -> None:
    """Against its UNet fed by its own MultiControlNetModel."""
    prior = both(folder, trained, another, (0.7, 0.4))
    assert prior.controls == ("normal", "color")
    shown, x = torch.cat([pictures(), 1 - pictures()], 1), latents()
    ours = prior.predict_noise(x, T, seen(prior, shown))
    hidden = prior.embed(["a red apple"] * 2).hidden
    nets: Any = [ControlNetModel.from_pretrained(str(net)) for net in (trained, another)]
    unet: Any = UNet2DConditionModel.from_pretrained(str(folder / "unet"))
    with torch.no_grad():
        down, middle = MultiControlNetModel(nets)(
            x, T, hidden, [pictures(), 1 - pictures()], [0.7, 0.4], return_dict=False
        )
        theirs = unet(
            x, T, hidden, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_one_of_two_at_scale_0_is_the_other_alone(folder: Path, trained: Path, another: Path) -> None:
    alone, prior = prior_with(folder, f"color:{another}"), both(folder, trained, another, (0.0, 1.0))
    shown = torch.cat([pictures(), 1 - pictures()], 1)
    wanted = alone.predict_noise(latents(), T, seen(alone, 1 - pictures()))
    assert torch.allclose(prior.predict_noise(latents(), T, seen(prior, shown)), wanted, atol=1e-5)


def test_two_that_see_the_same_share_a_picture(folder: Path, trained: Path, another: Path) -> None:
    prior = prior_with(folder, f"depth:{trained},depth:{another}")
    assert prior.controls == ("depth",)
    assert prior.predict_noise(latents(), T, seen(prior, pictures())).isfinite().all()


def test_channels_and_scales_have_to_match(folder: Path, trained: Path, another: Path) -> None:
    prior = both(folder, trained, another)
    with pytest.raises(ValueError, match="controls of 3 channels, but normal, color are 6 together"):
        prior.predict_noise(latents(), T, seen(prior, pictures()))
    with pytest.raises(ValueError, match="one number, or one for each ControlNet"):
        both(folder, trained, another, (1.0, 1.0, 1.0))
    try_options(prior, prior.options, 2)


def test_what_cannot_stand_beside_the_unet_is_refused(folder: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="is no ControlNet"):
        prior_with(folder, f"depth:{folder}")
    wide = save_tiny(tmp_path / "wide", channels=12, vae=False)
    with pytest.raises(PriorError, match="made for another UNet: its in_channels is 4, the prior's 12"):
        prior_with(wide, trained)
    with pytest.raises(MissingPrior, match="nobody/no-depth"):
        prior_with(folder, "nobody/no-depth")
    pickled = shutil.copytree(trained, tmp_path / "depth")
    weights = next(pickled.glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PriorError, match="pickled"):
        prior_with(folder, pickled)


def test_a_trial_before_the_work(folder: Path, trained: Path) -> None:
    prior = prior_with(folder, trained)
    try_options(prior, prior.options, 2)
    with pytest.raises(OptionError, match=r"prior\.controlnet is 'depth:x', but .* takes no ControlNet"):
        try_options(load_prior(str(folder), "cpu"), PriorOptions(controlnet="depth:x"), 2)
