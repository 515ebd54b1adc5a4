"""Stable Diffusion 3 on a tiny model of the real classes, held against the pipeline of diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from distill.ddim import sample_ddim
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions
from distill.priors.sd3 import PARTS, SD3
from tests.distill.priors.family import CHECKS, check_missing_parts, check_overflow, noisy, tiny
from tests.distill.priors.tiny_sd3 import save_tiny_sd3

PROMPTS = ["a red apple", "a blue mug, overhead view"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sd3(tmp_path_factory.mktemp("sd3"))


@pytest.fixture(scope="module")
def without_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sd3(tmp_path_factory.mktemp("sd3"), t5=False, newer=True)


@pytest.fixture()
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def pipeline(folder: Path) -> Any:
    """diffusers' own, of the folder's parts, taking the steps it is told (no shift)."""
    t5 = (folder / "text_encoder_3").is_dir()
    scheduler: Any = FlowMatchEulerDiscreteScheduler.from_pretrained(str(folder / "scheduler"), shift=1.0)
    parts: dict[str, Any] = {
        "transformer": SD3Transformer2DModel.from_pretrained(str(folder / "transformer")),
        "vae": AutoencoderKL.from_pretrained(str(folder / "vae")),
        "text_encoder": CLIPTextModelWithProjection.from_pretrained(str(folder / "text_encoder")),
        "text_encoder_2": CLIPTextModelWithProjection.from_pretrained(str(folder / "text_encoder_2")),
        "text_encoder_3": T5EncoderModel.from_pretrained(str(folder / "text_encoder_3")) if t5 else None,
        "tokenizer": CLIPTokenizer.from_pretrained(str(folder / "tokenizer")),
        "tokenizer_2": CLIPTokenizer.from_pretrained(str(folder / "tokenizer_2")),
        "tokenizer_3": T5Tokenizer.from_pretrained(str(folder / "tokenizer_3")) if t5 else None,
    }
    pipe: Any = StableDiffusion3Pipeline(**parts, scheduler=scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_does_what_every_family_does(check: Callable[[Path], None], folder: Path) -> None:
    check(folder)


def test_its_shape_and_style(folder: Path) -> None:
    prior = tiny(folder)
    assert isinstance(prior, SD3) and prior.notes == []
    assert (prior.shape, prior.card.resolution, prior.card.max_tokens) == ((16, 8, 8), 64, 77)
    assert prior.card.order[-1] == "view"


@pytest.mark.parametrize("kind", ["folder", "without_t5"])
def test_the_embeddings_are_the_pipelines(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    hidden, empty, pooled, empty_pooled = pipeline(folder).encode_prompt(PROMPTS, None, None)
    embeds = tiny(folder).embed([*PROMPTS, ""])
    assert embeds.pooled is not None and embeds.hidden.shape[1] == 77 + 256
    assert torch.allclose(embeds.hidden, torch.cat([hidden, empty[:1]]), atol=1e-4)
    assert torch.allclose(embeds.pooled, torch.cat([pooled, empty_pooled[:1]]), atol=1e-5)


def test_without_t5_it_says_so(without_t5: Path) -> None:
    prior = tiny(without_t5)
    assert "no text_encoder_3 (T5)" in prior.notes[0]
    assert prior.embed(PROMPTS).hidden[:, 77:].abs().max() == 0


@pytest.mark.parametrize("kind", ["folder", "without_t5"])
def test_the_noise_is_what_the_pipelines_network_and_scheduler_imply(kind: str, request: pytest.FixtureRequest) -> None:
    """v = eps - x, so a step of all of sigma takes v away, and what is left beside x is the noise."""
    folder: Path = request.getfixturevalue(kind)
    prior, pipe = tiny(folder), pipeline(folder)
    hidden, _, pooled, _ = pipe.encode_prompt(PROMPTS, None, None)
    x_t, t = noisy(prior)
    predicted = prior.predict_noise(x_t, t, prior.embed(PROMPTS))
    for i, step in enumerate(t):
        sigma = (float(step) + 0.5) / 1000
        pipe.scheduler.set_timesteps(sigmas=[sigma])
        time = pipe.scheduler.timesteps
        assert torch.allclose(time, torch.tensor(sigma * 1000))
        with torch.no_grad():
            output = pipe.transformer(x_t[[i]], hidden[[i]], pooled[[i]], time).sample
        clean = pipe.scheduler.step(output, time[0], x_t[[i]]).prev_sample[0]
        assert torch.allclose((1 - sigma) * clean + sigma * predicted[i], x_t[i], atol=1e-4)


@pytest.mark.parametrize("kind", ["folder", "without_t5"])
def test_sampling_gives_the_pipelines_picture(kind: str, request: pytest.FixtureRequest) -> None:
    """From text to latents, guided as both do when nobody says how; DDIM on a flow is Euler on it."""
    folder: Path = request.getfixturevalue(kind)
    prior, pipe = tiny(folder), pipeline(folder)
    ours = sample_ddim(prior, prior.embed(PROMPTS), prior.embed([""]), torch.Generator().manual_seed(3), steps=4)
    noise = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(3))
    sigmas = [prior.schedule.sigmas[t].item() for t in (999, 749, 499, 249)]
    theirs = pipe(PROMPTS, sigmas=sigmas, num_inference_steps=4, latents=noise, output_type="latent").images
    assert ours.isfinite().all()
    assert (ours - theirs).norm() < 2e-3 * theirs.norm()


def test_overflow_goes_on_in_float32(copy: Path) -> None:
    check_overflow(copy, "pos_embed.proj.weight")


def test_missing_and_pickled_parts_are_named(copy: Path) -> None:
    check_missing_parts(copy, (*(part for part in PARTS if part != "transformer"), "tokenizer_3"))


def test_pickled_t5_weights_are_named(copy: Path) -> None:
    weights = next((copy / "text_encoder_3").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PriorError, match=r"text_encoder_3: .*pickled"):
        tiny(copy)


def test_inpainting_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match=r"33 channels.*inpainting"):
        tiny(save_tiny_sd3(tmp_path, channels=33))


def test_schedules_that_are_no_flow_are_refused(copy: Path) -> None:
    scheduler = copy / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps({"_class_name": "DDPMScheduler"}), encoding="utf-8")
    with pytest.raises(PriorError, match=r"DDPMScheduler.*rectified flow"):
        tiny(copy)


def test_the_resolution_is_of_whole_patches_with_a_place(copy: Path) -> None:
    config = copy / "transformer" / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "sample_size": 9}), encoding="utf-8")
    assert tiny(copy).card.resolution == 64
    config.write_text(json.dumps({**settings, "sample_size": 26}), encoding="utf-8")
    with pytest.raises(PriorError, match=r"208.*up to 192"):
        tiny(copy)


def test_a_controlnet_is_refused(folder: Path) -> None:
    with pytest.raises(PriorError, match="no ControlNet"):
        tiny(folder, options=PriorOptions(controlnet="depth"))
