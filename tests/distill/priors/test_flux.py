"""FLUX-like models and Chroma on tiny models of the real classes, held against the pipelines of diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.pipelines.chroma.pipeline_chroma import ChromaPipeline
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from distill.ddim import sample_ddim
from distill.guidance import classifier_free
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.chroma import Chroma
from distill.priors.flux import Flux
from distill.priors.large import encoder_dtype
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions
from distill.prompts import PromptTable
from tests.distill.priors.family import CHECKS, check_missing_parts, check_overflow, noisy, tiny
from tests.distill.priors.family import prompts_are_read_to_the_limit_and_never_cut as clip_alone_reads
from tests.distill.priors.tiny_flux import RESOLUTION, TOKENS, save_card, save_tiny_chroma, save_tiny_flux

PROMPTS = ["a red apple", "a blue mug, overhead view"]
KINDS = ["flux", "chroma"]
SCALE = 4.0


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_flux(tmp_path_factory.mktemp("flux"))


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chroma(tmp_path_factory.mktemp("chroma"))


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture()
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def pipeline(folder: Path) -> Any:
    """diffusers' own, of the folder's parts, taking the steps it is told (no shift)."""

    def part(model: Any, name: str) -> Any:
        return model.from_pretrained(str(folder / name))

    parts = {"vae": part(AutoencoderKL, "vae"), "scheduler": FlowMatchEulerDiscreteScheduler(shift=1.0)}
    if (folder / "text_encoder_2").is_dir():
        pipe: Any = FluxPipeline(
            transformer=part(FluxTransformer2DModel, "transformer"),
            text_encoder=part(CLIPTextModel, "text_encoder"),
            tokenizer=part(CLIPTokenizer, "tokenizer"),
            text_encoder_2=part(T5EncoderModel, "text_encoder_2"),
            tokenizer_2=part(T5Tokenizer, "tokenizer_2"),
            **parts,
        )
    else:
        pipe = ChromaPipeline(
            transformer=part(ChromaTransformer2DModel, "transformer"),
            text_encoder=part(T5EncoderModel, "text_encoder"),
            tokenizer=part(T5Tokenizer, "tokenizer"),
            **parts,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def run(pipe: Any, x_t: Tensor, sigmas: list[float], output: str = "latent") -> Any:
    """What the pipeline makes of PROMPTS and noise x_t [2, 16, h, w], guided by SCALE, in steps from sigma to sigma."""
    count, channels, height, width = x_t.shape
    settings: dict[str, Any] = {
        "height": RESOLUTION,
        "width": RESOLUTION,
        "num_inference_steps": len(sigmas),
        "sigmas": sigmas,
        "latents": pipe._pack_latents(x_t, count, channels, height, width),
        "max_sequence_length": TOKENS,
        "output_type": output,
    }
    if isinstance(pipe, FluxPipeline):
        made: Any = pipe(PROMPTS, negative_prompt=["", ""], true_cfg_scale=SCALE, **settings, return_dict=False)[0]
    else:
        made = pipe(**masked(pipe), guidance_scale=SCALE, **settings, return_dict=False)[0]
    return made if output != "latent" else pipe._unpack_latents(made, RESOLUTION, RESOLUTION, 8)


def masked(pipe: Any) -> dict[str, Tensor]:
    """Chroma's prompts as its pipeline embeds them, the masks made boolean: as numbers they would mask nothing."""
    hidden, _, mask, empty, _, empty_mask = pipe.encode_prompt(PROMPTS, ["", ""], max_sequence_length=TOKENS)
    return {
        "prompt_embeds": hidden,
        "prompt_attention_mask": mask.bool(),
        "negative_prompt_embeds": empty,
        "negative_prompt_attention_mask": empty_mask.bool(),
    }


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check is not clip_alone_reads], ids=lambda check: check.__name__
)
def test_they_do_what_every_family_does(check: Callable[[Path], None], folder: Path) -> None:
    check(folder)


@pytest.mark.parametrize(("save", "scale"), [(save_tiny_flux, 3.5), (save_tiny_chroma, 5.0)], ids=KINDS)
def test_their_shape_and_style(save: Callable[..., Path], scale: float, tmp_path: Path) -> None:
    prior = tiny(save(tmp_path, card=False))
    assert (prior.shape, prior.card.resolution, prior.card.max_tokens) == ((16, 128, 128), 1024, 512)
    assert prior.card.defaults.sampling_guidance_scale == scale
    assert (prior.family, prior.views, prior.controls, prior.notes) == ("Flux", 1, (), [])
    save_card(tmp_path, 96, 40)
    prior = tiny(tmp_path)
    assert (prior.shape, prior.card.max_tokens) == ((16, 12, 12), 40)
    save_card(tmp_path, 72, 40)
    with pytest.raises(PriorError, match=r"72.* a multiple of 16"):
        tiny(tmp_path)
    save_card(tmp_path, 64, 513)
    with pytest.raises(PriorError, match=r"513.*holds 512"):
        tiny(tmp_path)


def test_each_class_has_its_adapter(flux: Path, chroma: Path) -> None:
    assert type(tiny(flux)) is Flux
    assert type(tiny(chroma)) is Chroma


def test_flux_embeddings_are_the_pipelines(flux: Path) -> None:
    hidden, pooled, _ = pipeline(flux).encode_prompt([*PROMPTS, ""], max_sequence_length=TOKENS)
    embeds = tiny(flux).embed([*PROMPTS, ""])
    assert embeds.pooled is not None and embeds.mask is None
    assert torch.allclose(embeds.hidden, hidden, atol=1e-5)
    assert torch.allclose(embeds.pooled, pooled, atol=1e-5)


def test_chroma_embeddings_are_the_pipelines(chroma: Path) -> None:
    theirs = masked(pipeline(chroma))
    embeds = tiny(chroma).embed([*PROMPTS, ""])
    assert embeds.pooled is None and embeds.mask is not None
    assert torch.allclose(embeds.hidden[:2], theirs["prompt_embeds"], atol=1e-5)
    assert torch.allclose(embeds.hidden[2:], theirs["negative_prompt_embeds"][:1], atol=1e-5)
    assert embeds.mask[:2].equal(theirs["prompt_attention_mask"])
    assert embeds.mask[2].sum() == 2  # the end mark and one of padding


def test_chroma_does_not_see_its_padding(chroma: Path) -> None:
    prior = tiny(chroma)
    embeds = prior.embed(PROMPTS)
    assert embeds.mask is not None
    x_t, t = noisy(prior)
    other = torch.where(embeds.mask[..., None], embeds.hidden, torch.randn_like(embeds.hidden))
    padding = prior.predict_noise(x_t, t, PromptEmbeds(other, mask=embeds.mask))
    assert torch.allclose(padding, prior.predict_noise(x_t, t, embeds), atol=1e-5)
    words = prior.predict_noise(x_t, t, PromptEmbeds(embeds.hidden.flip(0), mask=embeds.mask))
    assert not torch.allclose(words, padding, atol=1e-3)


def predicted(prior: DiffusersPrior, x_t: Tensor, t: Tensor) -> Tensor:
    """The guided noise prediction for PROMPTS."""
    free = prior.predict_noise(x_t, t, prior.embed(["", ""]))
    return classifier_free(free, prior.predict_noise(x_t, t, prior.embed(PROMPTS)), SCALE)


@pytest.mark.parametrize("step", [0, 500, 980])
def test_one_step_is_the_pipelines(step: int, folder: Path) -> None:
    """From sigma to 0 a step of Euler's arrives at the clean picture that the velocity implies."""
    prior, pipe = tiny(folder), pipeline(folder)
    x_t, _ = noisy(prior)
    t = torch.full((2,), step)
    ours = prior.schedule.predict_x0(x_t, t, predicted(prior, x_t, t))
    sigma = prior.schedule.sigmas[step].item()
    assert sigma == pytest.approx((step + 0.5) / 1000)
    assert torch.allclose(ours, run(pipe, x_t, [sigma]), atol=1e-3)
    assert torch.allclose(prior.decode(ours).permute(0, 3, 1, 2), run(pipe, x_t, [sigma], "pt"), atol=1e-3)


def test_sampling_gives_the_pipelines_picture(folder: Path) -> None:
    """From text to latents; DDIM on a flow is Euler on it."""
    prior, pipe = tiny(folder), pipeline(folder)
    generator = torch.Generator().manual_seed(3)
    ours = sample_ddim(prior, prior.embed(PROMPTS), prior.embed([""]), generator, steps=4, guidance_scale=SCALE)
    noise = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(3))
    theirs = run(pipe, noise, [prior.schedule.sigmas[t].item() for t in (999, 749, 499, 249)])
    assert ours.isfinite().all()
    assert (ours - theirs).norm() < 2e-3 * theirs.norm()


def test_prompts_are_read_to_t5s_limit_and_never_cut(folder: Path) -> None:
    prior = tiny(folder)
    fits = "apple " * (TOKENS - 1)
    assert len(prior.tokenize(fits)) == TOKENS  # with the end mark
    assert len(prior.embed([fits])) == 1
    with pytest.raises(ValueError, match=f"holds {TOKENS}"):
        prior.embed([fits + "apple"])
    assert f"over the {TOKENS} tokens" in PromptTable(prior, "apple " * 105).warnings[0]


def test_clip_gives_the_gist_of_its_first_77_tokens(flux: Path) -> None:
    embeds = tiny(flux).embed(["apple " * 90, "apple " * 85 + "view " * 5, "apple " * 70 + "view " * 20])
    assert embeds.pooled is not None
    assert torch.allclose(embeds.pooled[0], embeds.pooled[1], atol=1e-6)
    assert not torch.allclose(embeds.pooled[0], embeds.pooled[2], atol=1e-3)
    assert not torch.allclose(embeds.hidden[0], embeds.hidden[1], atol=1e-3)


def test_an_adapter_reaches_both_sorts_of_blocks(folder: Path) -> None:
    prior = tiny(folder)
    prior.adapter(2, torch.Generator().manual_seed(0))
    adapted = {name for name, _ in prior.network.named_parameters() if "lora_A" in name}
    for block in ("transformer_blocks.0", "transformer_blocks.1", "single_transformer_blocks.1"):
        for layer in ("to_q", "to_k", "to_v"):
            assert any(name.startswith(f"{block}.attn.{layer}.") for name in adapted)
    assert any(name.startswith("transformer_blocks.0.attn.to_out.0.") for name in adapted)


def test_overflow_goes_on_in_float32(copy: Path) -> None:
    check_overflow(copy, "x_embedder.weight")


def test_language_models_never_run_in_float16(flux: Path) -> None:
    assert {encoder_dtype(dtype) for dtype in (torch.float16, torch.bfloat16)} == {torch.bfloat16}
    prior = tiny(flux, "float16")
    assert isinstance(prior, Flux) and prior._t5 is not None
    assert (prior.dtype, prior._t5.model.dtype) == (torch.float16, torch.bfloat16)


def test_missing_and_pickled_parts_are_named(copy: Path) -> None:
    prior = tiny(copy)
    assert isinstance(prior, Flux)
    check_missing_parts(copy, (*prior.text_parts, "vae", "scheduler"))


def test_a_tokenizer_of_sentencepiece_alone_names_the_way_out(chroma: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(chroma, tmp_path / "copy")
    (copy / "tokenizer" / "tokenizer.json").rename(copy / "tokenizer" / "spiece.model")
    with pytest.raises(PriorError, match="pip install sentencepiece"):
        tiny(copy)


def test_models_for_inpainting_and_control_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match=r"96 channels.*VAE makes 16"):
        tiny(save_tiny_flux(tmp_path, channels=96))


def test_schedules_that_are_no_flow_are_refused(copy: Path) -> None:
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({"_class_name": "DDPMScheduler"}), encoding="utf-8")
    with pytest.raises(PriorError, match=r"DDPMScheduler.*rectified flow"):
        tiny(copy)


def test_a_controlnet_is_refused(folder: Path) -> None:
    with pytest.raises(PriorError, match=r"no ControlNet.*some/controlnet"):
        tiny(folder, options=PriorOptions(controlnet="some/controlnet"))
