"""What every latent family must do, as checks on a tiny model's folder; each family's tests run them all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill.load import load_prior
from distill.priors.base import DiffusersPrior
from distill.priors.loading import PriorError
from distill.priors.options import PriorOptions
from distill.prompts import PromptTable
from distill.rules.bridge import Bridge
from distill.rules.sds import SDS


def tiny(folder: Path, dtype: str = "float32", options: PriorOptions | None = None) -> DiffusersPrior:
    return load_prior(str(folder), "cpu", dtype, options=options)


def noisy(prior: DiffusersPrior, count: int = 2) -> tuple[Tensor, Tensor]:
    """Pictures of noise and their timesteps, the same at every call."""
    x_t = torch.randn(count, *prior.shape, generator=torch.Generator().manual_seed(1))
    return x_t, torch.linspace(20, 980, count).long()


def latents_are_the_vaes_means_shifted_and_scaled(folder: Path) -> None:
    prior = tiny(folder)
    side = prior.card.resolution
    images = torch.rand(2, side, side, 3)
    vae: Any = AutoencoderKL.from_pretrained(str(folder / "vae"))
    means = vae.encode(images.permute(0, 3, 1, 2) * 2 - 1).latent_dist.mean
    x = prior.encode(images)
    wanted = (means - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor
    assert x.shape == (2, *prior.shape) and not prior.bounded
    assert torch.allclose(x, wanted, atol=1e-5)
    assert torch.allclose(
        prior.decode(x), (vae.decode(means).sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1), atol=1e-4
    )


def an_image_of_any_size_gets_a_gradient(folder: Path) -> None:
    prior = tiny(folder, "bfloat16")  # the VAE stays in float32
    for factor in (2.0, 1.0, 1.5, 0.5):
        side = int(prior.card.resolution * factor)
        images = torch.rand(2, side, side, 3, requires_grad=True)
        x = prior.encode(images)
        assert x.shape == (2, *prior.shape) and x.dtype == torch.float32
        x.backward(torch.randn_like(x))
        assert images.grad is not None and (images.grad != 0).float().mean() > 0.9


def rules_run_for_any_batch(folder: Path) -> None:
    prior = tiny(folder)
    table = PromptTable(prior, "a red apple")
    for count in (1, 3):
        prompts = table.batch(["front view", "back view", None][:count], [None] * count)
        side = prior.card.resolution
        x = prior.encode(torch.rand(count, side, side, 3, requires_grad=True))
        t = torch.tensor([20, 500, 980])[:count]
        for rule in (SDS(7.5), Bridge()):
            gradient, _ = rule.step(rule.init(prior), prior, x, t, torch.randn_like(x), prompts)
            assert gradient.shape == x.shape and not gradient.requires_grad
            assert gradient.flatten(1).norm(dim=1).min() > 0


def a_batch_is_read_like_its_pictures_one_by_one(folder: Path) -> None:
    prior = tiny(folder)
    embeds = prior.embed(["a red apple", "a blue mug", ""])
    x_t, t = noisy(prior, 3)
    together = prior.predict_noise(x_t, t, embeds)
    alone = [prior.predict_noise(x_t[i : i + 1], t[i : i + 1], embeds[[i]]) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


def the_prompt_table_frees_the_encoders(folder: Path) -> None:
    prior = tiny(folder)
    PromptTable(prior, "a red apple")
    assert not any(isinstance(part, torch.nn.Module) for part in _parts(prior) if part is not prior.network)
    assert prior.tokenize("a red apple")
    with pytest.raises(RuntimeError, match="freed"):
        prior.embed(["a red apple"])


def _parts(prior: DiffusersPrior) -> list[Any]:
    """What the prior holds that may hold weights: its attributes, and theirs."""
    own = [part for name, part in vars(prior).items() if name not in ("space", "_call")]
    return own + [inner for part in own if hasattr(part, "__dict__") for inner in vars(part).values()]


def prompts_are_read_to_the_limit_and_never_cut(folder: Path) -> None:
    prior = tiny(folder)
    word = len(prior.tokenize("apple apple")) - len(prior.tokenize("apple"))
    assert word == 1
    fits = "apple " * (prior.card.max_tokens - 2)
    assert len(prior.tokenize(fits)) == prior.card.max_tokens == 77
    assert len(prior.embed([fits])) == 1
    with pytest.raises(ValueError, match="holds 77"):
        prior.embed([fits + "apple"])
    table = PromptTable(prior, "apple " * 100)
    assert "over the 77 tokens" in table.warnings[0]


def an_adapter_begins_equal_and_learns(folder: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        prior = tiny(folder, dtype)
        embeds = prior.embed(["a red apple", "a blue mug"])
        x, t = noisy(prior)
        before = prior.predict_noise(x, t, embeds)
        adapter = prior.adapter(4, torch.Generator().manual_seed(0))
        assert torch.allclose(adapter.predict_noise(x, t, embeds), before, atol=1e-5)
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
        optimizer = torch.optim.Adam(adapter.parameters(), lr=3e-2)
        losses = []
        for _ in range(15):
            loss = adapter.loss(x, t, noise, embeds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.98 * losses[0]
        assert torch.allclose(prior.predict_noise(x, t, embeds), before, atol=1e-5)
        assert not torch.allclose(adapter.predict_noise(x, t, embeds), before, atol=1e-3)


def bfloat16_is_close_to_float32(folder: Path) -> None:
    full, half = tiny(folder), tiny(folder, "bfloat16")
    assert half.dtype == torch.bfloat16
    prompts = ["a red apple", "a blue mug"]
    x_t, t = noisy(full)
    exact = full.predict_noise(x_t, t, full.embed(prompts))
    rounded = half.predict_noise(x_t, t, half.embed(prompts))
    assert rounded.dtype == torch.float32
    assert (exact - rounded).norm() < 0.05 * exact.norm()
    assert half.notes == full.notes


def speed_options_change_nothing(folder: Path) -> None:
    plain = tiny(folder)
    fast = tiny(folder, options=PriorOptions(channels_last=True, attention="math"))
    embeds = plain.embed(["a red apple", "a blue mug"])
    x_t, t = noisy(plain)
    assert torch.allclose(plain.predict_noise(x_t, t, embeds), fast.predict_noise(x_t, t, embeds), atol=1e-4)


CHECKS = [
    latents_are_the_vaes_means_shifted_and_scaled,
    an_image_of_any_size_gets_a_gradient,
    rules_run_for_any_batch,
    a_batch_is_read_like_its_pictures_one_by_one,
    the_prompt_table_frees_the_encoders,
    prompts_are_read_to_the_limit_and_never_cut,
    an_adapter_begins_equal_and_learns,
    bfloat16_is_close_to_float32,
    speed_options_change_nothing,
]


def check_overflow(folder: Path, weight: str) -> None:
    """Half precision that overflows goes on in float32, with an adapter too; `weight` is of the first layer."""
    prior = tiny(folder)
    name = next((folder / prior.network_folder).glob("*.safetensors"))
    weights = load_file(name)
    weights[weight] *= 1e6  # beyond float16, harmless in float32 before the next normalisation
    save_file(weights, name, metadata={"format": "pt"})
    exact, half = tiny(folder), tiny(folder, "float16")
    adapter = half.adapter(4, torch.Generator().manual_seed(0))
    embeds = exact.embed(["a red apple", "a blue mug"])
    x_t, t = noisy(exact)
    noise = adapter.predict_noise(x_t, t, embeds)
    assert half.dtype == torch.float32 and "float32" in half.notes[-1]
    assert torch.allclose(noise, exact.predict_noise(x_t, t, embeds), atol=1e-2)


def check_missing_parts(folder: Path, parts: tuple[str, ...]) -> None:
    """Every part that is not there, and every one with pickled weights, is named."""
    for part in parts:
        copy = shutil.copytree(folder, folder.parent / f"without_{part}")
        shutil.rmtree(copy / part)
        with pytest.raises(PriorError, match=rf"no {part} folder"):
            tiny(copy)
        if (weights := next((folder / part).glob("*.safetensors"), None)) is not None:
            copy = shutil.copytree(folder, folder.parent / f"pickled_{part}")
            (copy / part / weights.name).rename(copy / part / "weights.bin")
            with pytest.raises(PriorError, match=rf"{part}: .*pickled"):
                tiny(copy)
        if part.startswith("tokenizer"):
            copy = shutil.copytree(folder, folder.parent / f"empty_{part}")
            (copy / part / "tokenizer.json").unlink()
            with pytest.raises(PriorError, match=rf"{part}: no tokenizer.json"):
                tiny(copy)
