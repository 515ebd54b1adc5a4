"""A guided pixel prior's head beside its UNet: found, held against the UNet, run, in the prior's number format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill.controls import GUIDE_CHANNELS, blank_guide
from distill.prior import PromptEmbeds
from distill.priors.guide_head import Call, GuideHead
from distill.priors.loading import PriorError, load_model
from distill.priors.options import PriorOptions, prepare
from distill.priors.space import resize

FOLDER = "head"


class Guided:
    """The head in `folder`/head; x is the picture behind pixel_unshuffle, of `channels` channels.

    Raises PriorError for a UNet, given by its configuration, that the head was not made for.
    """

    def __init__(
        self, folder: Path, unet: Mapping[str, Any], options: PriorOptions, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._folder, self._device = folder / FOLDER, device
        # Around the UNet, which is compiled by itself.
        self._options = replace(options, compile=False)
        self._use(dtype)
        self.patch = patch = self.head.config["patch"]
        self.channels, own = 3 * patch**2, patch // self.head.config["reduce"]
        wanted = {"in_channels": (3 + GUIDE_CHANNELS) * own**2, "out_channels": self.head.count_made * own**2}
        if words := self.head.config["words"]:
            wanted["cross_attention_dim"] = words
        wrong = {key: unet[key] for key, number in wanted.items() if unet[key] != number}
        if wrong:
            raise PriorError(
                f"{folder}: its head wants a UNet with {wanted}, found {wrong}: the two folders are of different models"
            )

    def _use(self, dtype: torch.dtype) -> None:
        self.head: Any = load_model(GuideHead, self._folder, dtype).to(self._device)
        prepare(self.head, self._options)

    def to_float32(self) -> None:
        """The weights as the folder holds them."""
        self._use(torch.float32)

    def predict(
        self, call: Call, x_t: Tensor, alpha: Tensor, sigma: Tensor, embeds: PromptEmbeds
    ) -> Tensor:
        """v like x_t [B, C, h, w] under its controls, guides [B, 7, H, H] of any size, or none; see
        `GuideHead.forward`."""
        guides = embeds.controls
        assert embeds.pooled is not None
        side = x_t.shape[-1] * self.patch
        if guides is None:
            guides = blank_guide(len(x_t), side)
        if guides.shape[1] != GUIDE_CHANNELS:
            raise ValueError(
                f"a guide has {GUIDE_CHANNELS} channels (distill/controls.py), PromptEmbeds.controls has "
                f"{guides.shape[1]}"
            )
        return self.head(call, x_t, alpha, sigma, resize(guides.to(x_t), side), embeds.pooled)
