"""A ControlNet beside a Stable Diffusion: the prediction keeps to a picture of the shape, its depth or its normals.

(Zhang et al., arXiv 2302.05543.) Its residuals are added to the UNet's own, for every prompt alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from diffusers.models.controlnets.controlnet import ControlNetModel
from torch import Tensor

from distill.load import find_prior
from distill.prior import PromptEmbeds
from distill.priors.loading import PriorError, load_model, read_config
from distill.priors.options import PriorOptions, prepare

Structure = Literal["depth", "normal"]
SHARED = ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim")  # with its UNet


class ControlNet:
    """The ControlNet that the options name; `structure` is what its pictures show, each [3, H, H] in 0..1.

    Depth: nearness, near is bright, 0 where there is nothing. Normals: as ControlNet 1.1 has them, red to the
    left, green up, blue towards the camera. Raises PriorError for one that cannot stand beside the UNet of this
    configuration, MissingPrior for one that is not on this machine.
    """

    structure: Structure

    def __init__(
        self, options: PriorOptions, unet: Mapping[str, Any], device: torch.device, dtype: torch.dtype
    ) -> None:
        said, self.name = _split(options.controlnet)
        self._folder, self._device, self._options = find_prior(self.name), device, options
        config = read_config(self._folder / "config.json")
        if config.get("_class_name") != "ControlNetModel":
            raise PriorError(
                f"{self.name} is no ControlNet in diffusers' layout: wanted a folder with the config.json of a "
                f"ControlNetModel, found {config.get('_class_name', 'none')}"
            )
        self.structure = said or _guess(self.name, config)
        self._use(dtype)
        for key in SHARED:
            if _plain(self._model.config[key]) != _plain(unet[key]):
                raise PriorError(
                    f"{self.name} was made for another UNet: its {key} is {self._model.config[key]}, the prior's "
                    f"{unet[key]}"
                )
        # every step of its own little encoder but the first halves the picture's side
        self._factor = 2 ** (len(self._model.config["conditioning_embedding_out_channels"]) - 1)

    def _use(self, dtype: torch.dtype) -> None:
        self._model = load_model(ControlNetModel, self._folder, dtype).to(self._device)
        self._call = prepare(self._model, self._options)

    def to_float32(self) -> None:
        """The weights as the folder holds them."""
        self._use(torch.float32)

    def residuals(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds, **conditions: Any) -> dict[str, Any]:
        """What the UNet is called with besides; `conditions` are those it shares. ValueError without a picture."""
        if embeds.structure is None:
            raise ValueError(
                f"{self.name} wants to see the shape's {self.structure}: set PromptEmbeds.structure [N, 3, H, H]"
            )
        side = x_t.shape[-1] * self._factor
        picture = embeds.structure.to(x_t)
        if picture.shape[-1] != side:
            picture = F.interpolate(picture, (side, side), mode="bilinear", antialias=True)
        down, middle = self._call(
            x_t,
            t,
            embeds.hidden,
            controlnet_cond=picture,
            conditioning_scale=self._options.controlnet_scale,
            return_dict=False,
            **conditions,
        )
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


def _split(named: str) -> tuple[Structure | None, str]:
    """ "depth:FOLDER" as ("depth", "FOLDER"); None where it is not said."""
    for structure in get_args(Structure):
        if named.startswith(f"{structure}:"):
            return structure, named.removeprefix(f"{structure}:")
    return None, named


def _guess(name: str, config: Mapping[str, Any]) -> Structure:
    """What the pictures show, by the ControlNet's own name or by the name it was saved under."""
    for said in (name, str(config.get("_name_or_path", ""))):
        found = [structure for structure in get_args(Structure) if structure in Path(said).name.lower()]
        if len(found) == 1:
            return found[0]
    raise PriorError(
        f"{name}: depth or normals? The ControlNet's name does not tell what its pictures show; write "
        f"depth:{name} or normal:{name}"
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
