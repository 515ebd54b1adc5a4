"""Which family a folder holds, by what lies in it."""

from __future__ import annotations

from pathlib import Path

import torch

from distill.priors.base import DiffusersPrior
from distill.priors.distilled import refuse_distilled
from distill.priors.loading import PriorError, read_config, require_parts
from distill.priors.options import PriorOptions


def open_prior(
    folder: Path,
    name: str,
    device: torch.device,
    dtype: torch.dtype | None = None,
    options: PriorOptions | None = None,
) -> DiffusersPrior:
    """The prior in a folder of diffusers' layout. Raises PriorError for one that cannot be used."""
    refuse_distilled(folder, name)  # first: a distilled model of an unknown family is no use either
    family = family_of(folder)
    return family(folder, name, device, dtype, options)


def family_of(folder: Path) -> type[DiffusersPrior]:
    """The class that runs the folder's model; imported only then, since each takes its time."""
    require_parts(folder, ("scheduler",))
    if (folder / "transformer").is_dir():
        return _transformer(folder)
    unet = read_config(folder / "unet" / "config.json")
    if unet.get("_class_name") == "MultiViewUNetModel":
        from distill.priors.mvdream import MVDream

        return MVDream
    if (folder / "text_encoder_2").is_dir():
        from distill.priors.sdxl import SDXL

        return SDXL
    from distill.priors.stable_diffusion import StableDiffusion

    return StableDiffusion


def _transformer(folder: Path) -> type[DiffusersPrior]:
    name = read_config(folder / "transformer" / "config.json").get("_class_name")
    if name == "SD3Transformer2DModel":
        from distill.priors.sd3 import SD3

        return SD3
    if name == "FluxTransformer2DModel":
        from distill.priors.flux import Flux

        return Flux
    if name == "ChromaTransformer2DModel":
        from distill.priors.chroma import Chroma

        return Chroma
    if name == "SanaTransformer2DModel":
        from distill.priors.sana import Sana

        return Sana
    raise PriorError(
        f"{folder}: its transformer is a {name}; the families that run here are Stable Diffusion 1, 2, 3 and XL, "
        "FLUX-like models, Chroma, Sana and MVDream (docs/priors.md)"
    )
