"""Options of speed on the embedded prior: the same answer, and a clear word where one cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from distill.load import load_prior
from distill.priors.base import DiffusersPrior
from distill.priors.options import Attention, OptionError, PriorOptions, prepare, try_options
from realify.settings import Settings, describe


def embedded(**options: Any) -> DiffusersPrior:
    return load_prior("embedded", "cpu", "float32", options=PriorOptions(**options))


def answer(prior: DiffusersPrior) -> Tensor:
    x = torch.randn(2, *prior.shape, generator=torch.Generator().manual_seed(0))
    return prior.predict_noise(x, torch.tensor([100, 800]), prior.embed(["a red apple", "a blue mug"]))


@pytest.fixture(scope="module")
def plain() -> Tensor:
    return answer(embedded())


@pytest.mark.parametrize("option", [{"channels_last": True}, {"attention": "flash"}, {"attention": "math"}])
def test_the_answer_is_the_same(option: dict[str, Any], plain: Tensor) -> None:
    prior = embedded(**option)
    try_options(prior, prior.options, 2)
    assert torch.allclose(answer(prior), plain, atol=1e-4)


def test_channels_last_is_the_memory_format_of_the_weights() -> None:
    weights = embedded(channels_last=True).network.conv_in.weight
    assert weights.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("attention", ["efficient", "cudnn"])
def test_a_kernel_that_does_not_run_here_is_told_by_its_settings_name(attention: str) -> None:
    prior = embedded(attention=attention)
    with pytest.raises(OptionError, match=rf"prior\.attention: the {attention} kernel does not run"):
        try_options(prior, prior.options, 2)


def test_an_unknown_kernel_names_the_known() -> None:
    with pytest.raises(ValueError, match="auto, flash, efficient, cudnn, math"):
        PriorOptions(attention="fast")  # type: ignore[arg-type]


def test_the_settings_offer_the_same_kernels() -> None:
    (row,) = [row for row in describe(Settings()) if row.key == "prior.attention"]
    assert row.choices == get_args(Attention)


@pytest.fixture()
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of what is compiled, so that nothing compiled before helps."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch.compiler.reset()
    return tmp_path / "cache"


def small_network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.SiLU(), torch.nn.Conv2d(8, 3, 1))


@pytest.mark.slow
def test_a_compiled_network_answers_the_same(own_cache: Path) -> None:
    network, x = small_network(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(prepare(network, PriorOptions(compile=True))(x), network(x), atol=1e-5)
    assert any(own_cache.rglob("*.so"))  # it was compiled indeed


def test_a_missing_compiler_is_told_by_its_settings_name(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch._inductor.config as inductor

    monkeypatch.setattr(inductor.cpp, "cxx", ("/no/such/compiler",))
    with pytest.raises(OptionError, match=r"prior\.compile: .*prior\.compile=false.*g\+\+"):
        prepare(small_network(), PriorOptions(compile=True))(torch.randn(2, 3, 8, 8))


@pytest.mark.slow
def test_the_embedded_prior_compiled_answers_the_same(own_cache: Path, plain: Tensor) -> None:
    fast = embedded(compile=True)
    try_options(fast, fast.options, 2)
    assert torch.allclose(answer(fast), plain, atol=1e-4)
    assert any(own_cache.rglob("*.so"))
