"""A guided prior of tiny random networks: it is found, sees its guide, and does all that other priors do."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from distill.controls import blank_guide, picture_guide
from distill.hub.files import needed_files
from distill.load import load_prior
from distill.prior import PromptEmbeds, predict_together
from distill.priors.base import DiffusersPrior
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions, try_options
from distill.rules.bridge import Bridge
from distill.rules.rule import PromptBatch
from tests.distill.priors.tiny_controlnet import save_tiny_controlnet
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.distill.priors.tiny_stable_diffusion import save_tiny

T = torch.tensor([100, 700])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_guided(tmp_path_factory.mktemp("guided"))


@pytest.fixture(scope="module")
def prior(folder: Path) -> DiffusersPrior:
    return load_prior(str(folder), "cpu", "float32")


def noisy(count: int = 2) -> Tensor:
    return torch.randn(count, 48, 8, 8, generator=torch.Generator().manual_seed(4))


def guides(count: int = 2, side: int = 32) -> Tensor:
    images = torch.rand(count, 4, 4, 3, generator=torch.Generator().manual_seed(5))
    images = images.repeat_interleave(side // 4, 1).repeat_interleave(side // 4, 2)
    return picture_guide(images, 1.0)


def asked(prior: DiffusersPrior, shown: Tensor | None, count: int = 2) -> PromptEmbeds:
    return replace(prior.embed(["a red apple"] * count), controls=shown)


def test_it_says_what_it_is(prior: DiffusersPrior) -> None:
    assert (prior.controls, prior.shape, prior.card.resolution) == (("guide",), (48, 8, 8), 32)
    assert prior.bounded and prior.parametrization == "v_prediction" and prior.views == 1
    network = sum(weight.numel() for weight in prior.network.parameters())
    assert 0 < prior.count_parameters() - network < 10_000


def test_the_guide_acts_and_each_picture_has_its_own(prior: DiffusersPrior) -> None:
    shown = guides()
    first = prior.predict_noise(noisy(), T, asked(prior, shown))
    other = prior.predict_noise(noisy(), T, asked(prior, torch.stack([shown[0], shown[0]])))
    assert first.shape == (2, 48, 8, 8) and first.isfinite().all()
    assert torch.allclose(first[0], other[0], atol=1e-5) and (first[1] - other[1]).abs().max() > 0.01


def test_no_guide_is_the_blank_one(prior: DiffusersPrior) -> None:
    without = prior.predict_noise(noisy(), T, asked(prior, None))
    assert torch.equal(without, prior.predict_noise(noisy(), T, asked(prior, blank_guide(2, 32))))


def test_a_guide_of_any_size_is_resized(prior: DiffusersPrior) -> None:
    small, large = (prior.predict_noise(noisy(), T, asked(prior, guides(side=side))) for side in (32, 64))
    assert torch.allclose(small, large, atol=1e-5)


def test_a_guide_of_other_channels_is_told(prior: DiffusersPrior) -> None:
    with pytest.raises(ValueError, match=r"a guide has 7 channels .* has 3"):
        prior.predict_noise(noisy(), T, asked(prior, torch.rand(2, 3, 32, 32)))


def test_prompts_predicted_together_keep_their_guides(prior: DiffusersPrior) -> None:
    shown, source = guides(), replace(prior.embed(["a dull apple"] * 2), controls=guides().flip(0))
    both = predict_together(prior, noisy(), T, asked(prior, shown), source)
    alone = [prior.predict_noise(noisy(), T, embeds) for embeds in (asked(prior, shown), source)]
    assert all(torch.allclose(one, two, atol=1e-5) for one, two in zip(both, alone, strict=True))


def test_pictures_come_back(prior: DiffusersPrior) -> None:
    images = torch.rand(1, 32, 32, 3)
    assert torch.allclose(prior.decode(prior.encode(images)), images, atol=1e-6)


def test_a_rule_and_an_adapter_see_the_guide(folder: Path) -> None:
    prior = load_prior(str(folder), "cpu", "float32")
    embeds, noise = asked(prior, guides()), torch.randn(2, 48, 8, 8)
    source = replace(embeds, hidden=prior.embed(["a dull apple"] * 2).hidden)
    gradient, _ = Bridge().step(None, prior, noisy(), T, noise, PromptBatch(embeds, source, embeds, embeds))
    assert gradient.isfinite().all() and gradient.any()
    adapter = prior.adapter(2, torch.Generator().manual_seed(0))
    assert torch.allclose(adapter.predict_noise(noisy(), T, embeds), prior.predict_noise(noisy(), T, embeds), atol=1e-6)
    adapter.loss(noisy(), T, noise, embeds).backward()
    assert any(weight.grad is not None and weight.grad.any() for weight in adapter.parameters())


def test_half_precision_and_its_fallback(folder: Path, prior: DiffusersPrior, tmp_path: Path) -> None:
    wanted = prior.predict_noise(noisy(), T, asked(prior, guides()))
    half = load_prior(str(folder), "cpu", "bfloat16")
    assert (half.predict_noise(noisy(), T, asked(half, guides())) - wanted).norm() < 0.05 * wanted.norm()
    copy = shutil.copytree(folder, tmp_path / "guided")
    weights = UNet2DConditionModel.from_pretrained(str(copy / "unet"))
    with torch.no_grad():
        weights.conv_in.weight.mul_(1e6)  # beyond float16
    weights.save_pretrained(str(copy / "unet"))
    wide = load_prior(str(copy), "cpu", "float16")
    assert wide.predict_noise(noisy(), T, asked(wide, guides())).isfinite().all()
    assert wide.dtype == torch.float32 and "float32" in wide.notes[0]
    exact = load_prior(str(copy), "cpu", "float32")
    again = wide.predict_noise(noisy(), T, asked(wide, guides()))
    assert torch.allclose(again, exact.predict_noise(noisy(), T, asked(exact, guides())), atol=1e-4)


def test_options_of_speed_change_nothing(folder: Path, prior: DiffusersPrior) -> None:
    fast = load_prior(str(folder), "cpu", "float32", options=PriorOptions(channels_last=True))
    try_options(fast, fast.options, 2)
    wanted = prior.predict_noise(noisy(), T, asked(prior, guides()))
    assert torch.allclose(fast.predict_noise(noisy(), T, asked(fast, guides())), wanted, atol=1e-4)


def test_a_fetch_brings_the_head(folder: Path) -> None:
    names = [str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()]
    assert {"head/config.json", "head/diffusion_pytorch_model.safetensors"} <= set(needed_files(names, half=False))


def test_what_does_not_belong_together_is_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    config = json.loads((other / "head/config.json").read_text(encoding="utf-8"))
    plain = save_tiny(tmp_path / "plain", prediction_type="v_prediction", channels=48, vae=False)
    shutil.copytree(folder / "head", plain / "head")
    with pytest.raises(PriorError, match=r"its head wants a UNet with .*'in_channels': 160.*found .*'in_channels': 48"):
        load_prior(str(plain), "cpu")
    epsilon = json.loads((other / "scheduler/scheduler_config.json").read_text(encoding="utf-8"))
    (other / "scheduler/scheduler_config.json").write_text(json.dumps(epsilon | {"prediction_type": "epsilon"}))
    with pytest.raises(PriorError, match="predicts v, this one predicts epsilon"):
        load_prior(str(other), "cpu")
    net = save_tiny_controlnet(tmp_path / "depth", save_tiny(tmp_path / "sd"))
    with pytest.raises(PriorError, match="takes no ControlNet"):
        load_prior(str(folder), "cpu", options=PriorOptions(controlnet=str(net)))
    assert config["patch"] == 4
