"""The diffusers adapter on tiny models of the real classes: latent and pixel space, epsilon and v."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from distill.load import MissingPrior, load_prior
from distill.priors.base import DiffusersPrior
from distill.priors.loading import PriorError
from distill.prompts import PromptTable
from distill.rules.bridge import Bridge
from distill.rules.sds import SDS
from tests.distill.priors.tiny_stable_diffusion import save_tiny


def tiny(folder: Path, dtype: str = "float32") -> DiffusersPrior:
    return load_prior(str(folder), "cpu", dtype)


@pytest.fixture(scope="module")
def latent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("latent"))


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(
        tmp_path_factory.mktemp("pixels"), prediction_type="v_prediction", channels=12, vae=False
    )


@pytest.fixture()
def copy(latent: Path, tmp_path: Path) -> Path:
    return shutil.copytree(latent, tmp_path / "copy")


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_the_noise_is_what_diffusers_scheduler_would_derive(
    prediction_type: Literal["epsilon", "v_prediction"], tmp_path: Path
) -> None:
    folder = save_tiny(tmp_path, prediction_type=prediction_type)
    prior = tiny(folder)
    embeds = prior.embed(["a red apple", "a blue mug"])
    x, noise = torch.randn(2, 2, *prior.shape)
    t = torch.tensor([100, 700])
    x_t = prior.schedule.add_noise(x, t, noise)
    scheduler: Any = DDIMScheduler.from_pretrained(str(folder / "scheduler"), clip_sample=False)
    scheduler.set_timesteps(1000)
    assert torch.allclose(x_t, scheduler.add_noise(x, noise, t), atol=1e-5)
    unet = UNet2DConditionModel.from_pretrained(str(folder / "unet"))
    output = unet(x_t, t, embeds.hidden).sample.detach()
    predicted = prior.predict_noise(x_t, t, embeds)
    for i, step in enumerate(t):
        clean = scheduler.step(output[i], int(step), x_t[i]).pred_original_sample
        alpha, sigma = prior.schedule.alphas[step], prior.schedule.sigmas[step]
        assert torch.allclose(predicted[i], (x_t[i] - alpha * clean) / sigma, atol=1e-4)


def test_latent_shapes_and_scaling(latent: Path) -> None:
    prior = tiny(latent)
    assert (prior.shape, prior.card.resolution, prior.bounded) == ((4, 8, 8), 32, False)
    images = torch.rand(2, 32, 32, 3)
    vae: Any = AutoencoderKL.from_pretrained(str(latent / "vae"))
    wanted = vae.encode(images.permute(0, 3, 1, 2) * 2 - 1).latent_dist.mean * 0.18215
    assert torch.allclose(prior.encode(images), wanted, atol=1e-5)
    assert prior.decode(prior.encode(images)).shape == images.shape


def test_pixel_space_is_lossless(pixels: Path) -> None:
    prior = tiny(pixels)
    assert (prior.shape, prior.card.resolution, prior.bounded) == ((12, 8, 8), 16, True)
    images = torch.rand(3, 16, 16, 3)
    x = prior.encode(images)
    assert x.shape == (3, 12, 8, 8) and x.abs().max() <= 1
    assert torch.allclose(prior.decode(x), images, atol=1e-6)


@pytest.mark.parametrize("space", ["latent", "pixels"])
@pytest.mark.parametrize("size", [2.0, 1.0, 1.5, 0.5])
def test_the_gradient_reaches_an_image_of_any_size(
    space: str, size: float, request: pytest.FixtureRequest
) -> None:
    prior = tiny(request.getfixturevalue(space))
    side = int(prior.card.resolution * size)
    images = torch.rand(2, side, side, 3, requires_grad=True)
    x = prior.encode(images)
    assert x.shape == (2, *prior.shape)
    x.backward(torch.randn_like(x))
    assert images.grad is not None and (images.grad != 0).float().mean() > 0.9


def test_a_flat_image_stays_flat_when_resized(pixels: Path) -> None:
    prior = tiny(pixels)
    for side in (16, 24, 48):
        assert torch.allclose(
            prior.encode(torch.full((1, side, side, 3), 0.25)), torch.tensor(-0.5), atol=1e-6
        )


def test_images_that_are_not_square_are_refused(pixels: Path) -> None:
    with pytest.raises(ValueError, match="16 x 20"):
        tiny(pixels).encode(torch.rand(1, 16, 20, 3))


@pytest.mark.parametrize("space", ["latent", "pixels"])
@pytest.mark.parametrize("rule", [SDS(7.5), Bridge()], ids=["sds", "bridge"])
def test_rules_run_without_a_graph_through_the_unet(
    space: str, rule: SDS | Bridge, request: pytest.FixtureRequest
) -> None:
    prior = tiny(request.getfixturevalue(space))
    prompts = PromptTable(prior, "a red apple").batch(["front view", "back view"], [None, None])
    x = prior.encode(torch.rand(2, prior.card.resolution, prior.card.resolution, 3, requires_grad=True))
    gradient, _ = rule.step(
        rule.init(prior), prior, x, torch.tensor([100, 800]), torch.randn_like(x), prompts
    )
    assert gradient.shape == x.shape
    embeds = prompts.target
    assert not prior.predict_noise(x, torch.tensor([5, 6]), embeds).requires_grad


def test_the_text_encoder_is_freed_after_the_table(latent: Path) -> None:
    prior = tiny(latent)
    PromptTable(prior, "a red apple")
    assert prior.tokenize("a red apple")
    with pytest.raises(RuntimeError, match="freed"):
        prior.embed(["a red apple"])


def test_a_prompt_over_the_limit_is_refused_not_cut(latent: Path) -> None:
    prior = tiny(latent)
    with pytest.raises(ValueError, match=f"holds {prior.card.max_tokens}"):
        prior.embed(["apple " * 100])


def test_half_precision_is_close_to_float32(latent: Path) -> None:
    full, half = tiny(latent), tiny(latent, "bfloat16")
    assert half.dtype == torch.bfloat16
    embeds = full.embed(["a red apple"])
    x, t = torch.randn(1, *full.shape), torch.tensor([500])
    exact, rounded = full.predict_noise(x, t, embeds), half.predict_noise(x, t, embeds)
    assert rounded.dtype == torch.float32
    assert (exact - rounded).norm() < 0.05 * exact.norm()
    assert half.notes == []


def test_overflow_in_half_precision_falls_back_to_float32_and_says_so(copy: Path) -> None:
    weights = UNet2DConditionModel.from_pretrained(str(copy / "unet"))
    with torch.no_grad():
        weights.conv_in.weight.mul_(1e6)  # beyond float16, harmless in float32 before the next normalisation
    weights.save_pretrained(str(copy / "unet"))
    prior = tiny(copy, "float16")
    noise = prior.predict_noise(
        torch.randn(1, *prior.shape), torch.tensor([500]), prior.embed(["a red apple"])
    )
    assert noise.isfinite().all()
    assert prior.dtype == torch.float32
    assert "float32" in prior.notes[0]


def test_a_missing_model_names_the_command() -> None:
    with pytest.raises(
        MissingPrior, match=r"hf download nobody/no-such-model --revision abc123 --include"
    ) as error:
        load_prior("nobody/no-such-model", "cpu", revision="abc123")
    assert "unet/*.safetensors" in str(error.value)


def test_a_name_that_is_neither_folder_nor_repository() -> None:
    with pytest.raises(MissingPrior, match="owner/name"):
        load_prior("/no/such/folder", "cpu")


@pytest.mark.parametrize(("device", "dtype"), [("quantum", "auto"), ("cpu", "float8")])
def test_unknown_devices_and_dtypes_name_the_known(device: str, dtype: str) -> None:
    with pytest.raises(ValueError) as raised:
        load_prior("embedded", device, dtype)
    told = f"{raised.value} {getattr(raised.value, 'fix', '')}"
    assert "cpu" in told or "bfloat16" in told


def test_pickled_weights_are_refused(copy: Path) -> None:
    weights = next((copy / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PriorError, match="pickled"):
        tiny(copy)


def test_fp16_variants_are_read(copy: Path) -> None:
    weights = next((copy / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix("").with_suffix(".fp16.safetensors"))
    assert tiny(copy).shape == (4, 8, 8)


def test_fp16_shards_are_read(copy: Path) -> None:
    weights = UNet2DConditionModel.from_pretrained(str(copy / "unet"))
    for file in (copy / "unet").glob("*.safetensors"):
        file.unlink()
    weights.half().save_pretrained(str(copy / "unet"), variant="fp16", max_shard_size="100KB")
    assert len(list((copy / "unet").glob("*fp16*.safetensors"))) > 1
    assert tiny(copy).shape == (4, 8, 8)


def test_incomplete_folders_name_what_is_missing(copy: Path) -> None:
    shutil.rmtree(copy / "text_encoder")
    with pytest.raises(PriorError, match="no text_encoder folder"):
        tiny(copy)


def test_a_tokenizer_without_its_vocabulary_is_refused(copy: Path) -> None:
    """transformers opens it all the same, and every word is unknown to it."""
    (copy / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(PriorError, match=r"tokenizer: no tokenizer.json"):
        tiny(copy)


def test_models_that_this_family_cannot_run_are_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="inpainting"):
        tiny(save_tiny(tmp_path / "inpainting", channels=9))
    with pytest.raises(PriorError, match="3 p²"):
        tiny(save_tiny(tmp_path / "odd", channels=5, vae=False))


def test_half_an_sdxl_is_told_from_this_family(copy: Path) -> None:
    (copy / "text_encoder_2").mkdir()
    with pytest.raises(PriorError, match=r"SDXL.*addition_embed_type None"):
        tiny(copy)


def test_families_that_no_adapter_runs_are_named_with_those_that_run(copy: Path) -> None:
    (copy / "transformer").mkdir()
    config = {"_class_name": "QwenImageTransformer2DModel"}
    (copy / "transformer" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(PriorError, match=r"QwenImageTransformer2DModel.*Chroma, Sana"):
        tiny(copy)


@pytest.mark.parametrize(
    "scheduler",
    [{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}, {"_class_name": "EDMEulerScheduler"}],
    ids=["flow", "edm"],
)
def test_schedules_of_another_kind_are_refused(scheduler: dict[str, Any], copy: Path) -> None:
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(scheduler), encoding="utf-8")
    with pytest.raises(PriorError, match=rf"{scheduler['_class_name']}.*neither rectified flow nor EDM"):
        tiny(copy)
