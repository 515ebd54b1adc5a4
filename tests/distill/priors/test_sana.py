"""Sana on a tiny model of the real classes, held against the pipeline of diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from transformers import Gemma2Model, GemmaTokenizer

from distill.ddim import sample_ddim
from distill.guidance import classifier_free
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions
from distill.priors.sana import INSTRUCTION, Sana
from distill.prompts import PromptTable
from tests.distill.priors import family
from tests.distill.priors.family import check_missing_parts, check_overflow, noisy, tiny
from tests.distill.priors.tiny_flux import save_card
from tests.distill.priors.tiny_sana import save_tiny_sana

PROMPTS = ["a red apple", "A blue mug, overhead view"]
SCALE = 4.5
OTHERWISE = (family.latents_are_the_vaes_means_shifted_and_scaled, family.prompts_are_read_to_the_limit_and_never_cut)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sana(tmp_path_factory.mktemp("sana"))


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sana(tmp_path_factory.mktemp("newer"), newer=True, learns_variance=True)


@pytest.fixture()
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def pipeline(folder: Path) -> Any:
    """diffusers' own, of the folder's parts, taking the steps it is told."""
    pipe: Any = SanaPipeline(
        tokenizer=GemmaTokenizer.from_pretrained(str(folder / "tokenizer")),
        text_encoder=Gemma2Model.from_pretrained(str(folder / "text_encoder")),
        vae=AutoencoderDC.from_pretrained(str(folder / "vae")),
        transformer=SanaTransformer2DModel.from_pretrained(str(folder / "transformer")),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),  # pyright: ignore[reportArgumentType]
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def run(pipe: Any, x_t: Tensor, sigmas: list[float], output: str = "latent") -> Any:
    """What the pipeline makes of PROMPTS and noise, with its own instruction, in steps from sigma to sigma."""
    made: Any = pipe(
        PROMPTS,
        guidance_scale=SCALE,
        height=64,
        width=64,
        use_resolution_binning=False,
        num_inference_steps=len(sigmas),
        sigmas=sigmas,
        latents=x_t,
        output_type=output,
    )
    return made.images


@pytest.mark.parametrize(
    "check", [check for check in family.CHECKS if check not in OTHERWISE], ids=lambda check: check.__name__
)
def test_it_does_what_every_family_does(check: Callable[[Path], None], folder: Path) -> None:
    check(folder)


def test_its_shape_and_style(folder: Path, copy: Path) -> None:
    prior = tiny(folder)
    assert isinstance(prior, Sana)
    assert (prior.shape, prior.card.resolution, prior.card.max_tokens) == ((8, 2, 2), 64, 300)
    assert prior.card.defaults.sampling_guidance_scale == 4.5
    assert (prior.views, prior.controls, prior.notes) == (1, (), [])
    save_card(copy, 96, 120)
    assert (tiny(copy).shape, tiny(copy).card.max_tokens) == ((8, 3, 3), 120)
    save_card(copy, 80, 120)
    with pytest.raises(PriorError, match=r"80.* a multiple of 32"):
        tiny(copy)


def test_latents_are_the_autoencoders_scaled(folder: Path) -> None:
    prior = tiny(folder, "bfloat16")
    images = torch.rand(2, 64, 64, 3)
    vae: Any = AutoencoderDC.from_pretrained(str(folder / "vae"))
    latents = vae.encode(images.permute(0, 3, 1, 2) * 2 - 1).latent
    x = prior.encode(images)
    assert x.shape == (2, *prior.shape) and not prior.bounded
    assert torch.allclose(x, latents * 0.41407, atol=1e-5)
    wanted = (vae.decode(latents).sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    assert torch.allclose(prior.decode(x), wanted, atol=1e-4)


def test_the_embeddings_are_the_pipelines(folder: Path) -> None:
    instruction = INSTRUCTION.split("\n")
    assert len(instruction) > 5 and instruction[-1].startswith("User Prompt")
    hidden, mask, empty, empty_mask = pipeline(folder).encode_prompt(PROMPTS, complex_human_instruction=instruction)
    prior = tiny(folder)
    embeds = prior.embed([*PROMPTS, ""])
    assert embeds.mask is not None and embeds.pooled is None
    assert embeds.mask.equal(torch.cat([mask, empty_mask[:1]]).bool())
    wanted = torch.cat([hidden, empty[:1]]) * embeds.mask[..., None]
    assert torch.allclose(embeds.hidden, wanted, atol=1e-4)
    assert [len(prior.tokenize(prompt)) for prompt in (*PROMPTS, "")] == embeds.mask.sum(1).tolist()


def test_the_instruction_stands_before_what_is_wanted_alone(folder: Path) -> None:
    prior, pipe = tiny(folder), pipeline(folder)
    plain = [prior.card.negative_prompt, ""]
    hidden, mask, _, _ = pipe.encode_prompt(plain, False, complex_human_instruction=None)
    assert torch.allclose(prior.embed(plain).hidden, hidden * mask[..., None], atol=1e-4)
    hidden, _, _, _ = pipe.encode_prompt(PROMPTS, False, complex_human_instruction=None)
    assert not torch.allclose(prior.embed(PROMPTS).hidden[:, 1:4], hidden[:, 1:4], atol=1e-2)


@pytest.mark.parametrize("kind", ["folder", "newer"])
@pytest.mark.parametrize("step", [0, 500, 980])
def test_one_step_is_the_pipelines(step: int, kind: str, request: pytest.FixtureRequest) -> None:
    """From sigma to 0 a step of Euler's arrives at the clean picture that the velocity implies."""
    folder: Path = request.getfixturevalue(kind)
    prior, pipe = tiny(folder), pipeline(folder)
    x_t, _ = noisy(prior)
    t = torch.full((2,), step)
    free = prior.predict_noise(x_t, t, prior.embed(["", ""]))
    guided = classifier_free(free, prior.predict_noise(x_t, t, prior.embed(PROMPTS)), SCALE)
    ours = prior.schedule.predict_x0(x_t, t, guided)
    sigma = prior.schedule.sigmas[step].item()
    assert torch.allclose(ours, run(pipe, x_t, [sigma]), atol=1e-3)
    assert torch.allclose(prior.decode(ours).permute(0, 3, 1, 2), run(pipe, x_t, [sigma], "pt"), atol=1e-3)


def test_sampling_gives_the_pipelines_picture(folder: Path) -> None:
    """From text to latents, guided as both do when nobody says how; DDIM on a flow is Euler on it."""
    prior, pipe = tiny(folder), pipeline(folder)
    ours = sample_ddim(prior, prior.embed(PROMPTS), prior.embed([""]), torch.Generator().manual_seed(3), steps=4)
    noise = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(3))
    theirs = run(pipe, noise, [prior.schedule.sigmas[t].item() for t in (999, 749, 499, 249)])
    assert ours.isfinite().all()
    assert (ours - theirs).norm() < 2e-3 * theirs.norm()


def test_prompts_are_read_to_the_limit_and_never_cut(folder: Path) -> None:
    prior = tiny(folder)
    word = len(prior.tokenize("red red")) - len(prior.tokenize("red"))
    assert word == 1
    room = prior.card.max_tokens - len(prior.tokenize("red"))
    fits = "red" + " red" * room
    assert len(prior.tokenize(fits)) == prior.card.max_tokens == 300
    embeds = prior.embed([fits])
    assert embeds.mask is not None and embeds.mask.all()
    with pytest.raises(ValueError, match=r"301 tokens.*holds 300"):
        prior.embed([fits + " red"])
    assert "over the 300 tokens" in PromptTable(prior, "red " * 305).warnings[0]


def test_an_adapter_reaches_both_attentions(folder: Path) -> None:
    prior = tiny(folder)
    prior.adapter(2, torch.Generator().manual_seed(0))
    adapted = {name for name, _ in prior.network.named_parameters() if "lora_A" in name}
    for attention in ("attn1", "attn2"):
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            assert any(name.startswith(f"transformer_blocks.1.{attention}.{layer}.") for name in adapted)


def test_overflow_goes_on_in_float32(copy: Path) -> None:
    check_overflow(copy, "patch_embed.proj.weight")


def test_missing_and_pickled_parts_are_named(copy: Path) -> None:
    check_missing_parts(copy, ("text_encoder", "tokenizer", "vae", "scheduler"))


def test_other_autoencoders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match=r"takes 12 channels.*makes 8"):
        tiny(save_tiny_sana(tmp_path, channels=12))


def test_schedules_that_are_no_flow_are_refused(copy: Path) -> None:
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({"_class_name": "DDPMScheduler", "prediction_type": "epsilon"}), encoding="utf-8")
    with pytest.raises(PriorError, match=r"DDPMScheduler.*'epsilon'.*rectified flow"):
        tiny(copy)


def test_a_controlnet_is_refused(folder: Path) -> None:
    with pytest.raises(PriorError, match=r"no ControlNet.*some/controlnet"):
        tiny(folder, options=PriorOptions(controlnet="some/controlnet"))
