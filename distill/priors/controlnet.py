"""ControlNets beside a Stable Diffusion: the prediction keeps to pictures of the shape, one for each ControlNet.

(Zhang et al., arXiv 2302.05543.) Their residuals are added up and to the UNet's own, for every prompt alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from torch import Tensor

from distill.controls import ControlKind, split_controls
from distill.hub.locate import find_prior
from distill.prior import PromptEmbeds
from distill.priors.loading import PriorError, load_model, read_config
from distill.priors.options import PriorOptions, prepare

# What ControlNets are shown, by the words that tell it in their names.
WORDS: Mapping[ControlKind, tuple[str, ...]] = {
    "depth": ("depth",),
    "normal": ("normal",),
    "color": ("color", "colour", "tile"),
}
SHARED = ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim")  # with its UNet


@dataclass(frozen=True)
class _Named:
    """A ControlNet's name or folder as given, where it lies, and what it is shown."""

    name: str
    folder: Path
    kind: ControlKind


class ControlNets:
    """The ControlNets that the options name, run as one; `controls` are the kinds that they are shown, each once.

    Depth: nearness, near is bright, 0 where there is nothing. Normals: as ControlNet 1.1 has them, red to the
    left, green up, blue towards the camera. Colour: the flat colours over the picture's background. Raises
    PriorError for one that cannot stand beside the UNet of this configuration, MissingPrior for one that is not on
    this machine.
    """

    def __init__(
        self, options: PriorOptions, unet: Mapping[str, Any], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._named = [_find(named) for named, _ in options.controlnets()]
        self._scales = [scale for _, scale in options.controlnets()]
        self._device, self._options = device, options
        self.controls: tuple[ControlKind, ...] = tuple(dict.fromkeys(net.kind for net in self._named))
        self._use(dtype)
        for named, net in zip(self._named, self._nets, strict=True):
            _check(named.name, net.config, unet)

    def _use(self, dtype: torch.dtype) -> None:
        self._nets: list[Any] = [load_model(ControlNetModel, net.folder, dtype) for net in self._named]
        together: Any = MultiControlNetModel(self._nets)
        self._call = prepare(together.to(self._device), self._options)

    def to_float32(self) -> None:
        """The weights as the folders hold them."""
        self._use(torch.float32)

    def residuals(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds, **conditions: Any) -> dict[str, Any]:
        """What the UNet is called with besides; `conditions` are those it shares. ValueError without the pictures."""
        if embeds.controls is None:
            raise ValueError(
                f"{', '.join(net.name for net in self._named)}: to be shown the shape's {', '.join(self.controls)}; "
                "set PromptEmbeds.controls [N, C, H, H], three channels each, in this order"
            )
        shown = split_controls(embeds.controls.to(x_t), self.controls)
        pictures = zip(self._named, self._nets, strict=True)
        down, middle = self._call(
            x_t,
            t,
            embeds.hidden,
            controlnet_cond=[_fitting(shown[named.kind], net, x_t.shape[-1]) for named, net in pictures],
            conditioning_scale=self._scales,
            return_dict=False,
            **conditions,
        )
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


def _find(named: str) -> _Named:
    """ "depth:FOLDER" or a name that tells by itself. Raises PriorError, MissingPrior."""
    said, name = _split(named)
    folder = find_prior(name)
    config = read_config(folder / "config.json")
    if config.get("_class_name") != "ControlNetModel":
        raise PriorError(
            f"{name} is no ControlNet in diffusers' layout: wanted a folder with the config.json of a "
            f"ControlNetModel, found {config.get('_class_name', 'none')}"
        )
    return _Named(name, folder, said or _guess(name, config))


def _split(named: str) -> tuple[ControlKind | None, str]:
    """ "depth:FOLDER" as ("depth", "FOLDER"); None where it is not said."""
    for kind in WORDS:
        if named.startswith(f"{kind}:"):
            return kind, named.removeprefix(f"{kind}:")
    return None, named


def _guess(name: str, config: Mapping[str, Any]) -> ControlKind:
    """What the pictures show, by the ControlNet's own name or by the name it was saved under."""
    for said in (name, str(config.get("_name_or_path", ""))):
        called = Path(said).name.lower()
        found: list[ControlKind] = [kind for kind, words in WORDS.items() if any(word in called for word in words)]
        if len(found) == 1:
            return found[0]
    raise PriorError(
        f"{name}: depth, normals or colours? The ControlNet's name does not tell what its pictures show; write "
        + " or ".join(f"{kind}:{name}" for kind in WORDS)
    )


def _check(name: str, config: Mapping[str, Any], unet: Mapping[str, Any]) -> None:
    """PriorError where the ControlNet was made for another UNet."""
    for key in SHARED:
        if _plain(config[key]) != _plain(unet[key]):
            raise PriorError(f"{name} was made for another UNet: its {key} is {config[key]}, the prior's {unet[key]}")


def _fitting(picture: Tensor, net: Any, side: int) -> Tensor:
    """The picture at the size that the ControlNet wants beside x of this side."""
    # every step of its own little encoder but the first halves the picture's side
    wanted = side * 2 ** (len(net.config["conditioning_embedding_out_channels"]) - 1)
    if picture.shape[-1] == wanted:
        return picture
    return F.interpolate(picture, (wanted, wanted), mode="bilinear", antialias=True)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
