"""From an SDF grid to a triangle mesh: marching tetrahedra by default, FlexiCubes on request."""

from typing import Protocol

import torch
from torch import Tensor

from sdf_fit.extract.error import ExtractorError
from sdf_fit.extract.flexicubes import FlexiCubesGrid
from sdf_fit.extract.tets import TetGrid

EXTRACTORS = {"auto": TetGrid, "tets": TetGrid, "flexicubes": FlexiCubesGrid}


class Extractor(Protocol):
    """What the fit asks of an extractor."""

    name: str
    resolution: int

    def extract(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """values [R+1, R+1, R+1], negative inside, -> vertices [V, 3] with gradient, faces [F, 3] int32."""
        ...


def make_extractor(kind: str, resolution: int, device: torch.device | str = "cpu") -> Extractor:
    """The extractor named `kind`: auto (= tets), tets or flexicubes.

    Raises ExtractorError on another name, and where kaolin is missing (with the command that installs it).
    """
    if kind not in EXTRACTORS:
        raise ExtractorError(f"There is no extractor {kind!r}.", f"Choose one of {', '.join(EXTRACTORS)}.")
    return EXTRACTORS[kind](resolution, device)
