"""Fixtures that several tests of the product share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.distill.priors.tiny_stable_diffusion import save_tiny


@pytest.fixture(scope="session")
def tiny_prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion with random weights: latents of 8 x 8, pictures of 32 x 32."""
    return save_tiny(tmp_path_factory.mktemp("priors") / "tiny")
