"""FlexiCubes (Shen et al. 2023) from NVIDIA kaolin (Apache-2.0), behind the same interface as `TetGrid`.

Optional: kaolin's wheels come from NVIDIA's own index, for some versions of torch only. The weights alpha,
beta and gamma stay at their defaults; what is optimised is the SDF.
"""

from importlib import import_module

import torch
from torch import Tensor

from sdf_fit.extract.error import ExtractorError

INSTALL = (
    "pip install kaolin==0.18.0 -f https://nvidia-kaolin.s3.us-east-2.amazonaws.com/torch-{torch}_{cuda}.html"
)


class FlexiCubesGrid:
    """Extracts the zero level of an SDF at the vertices of a grid of `resolution`^3 cubes over [-1, 1]^3."""

    name = "flexicubes"

    def __init__(self, resolution: int, device: torch.device | str = "cpu") -> None:
        try:
            kaolin = import_module("kaolin.ops.conversions")
        except ImportError as error:
            raise ExtractorError(
                f"FlexiCubes needs kaolin, which does not import here ({error}).",
                f"Install it with\n    {_install_command()}\n"
                "(wheels exist for some versions of torch only), or set extract to tets.",
            ) from error
        self.resolution = resolution
        self._flexicubes = kaolin.FlexiCubes(str(device))
        vertices, self._cubes = self._flexicubes.construct_voxel_grid(resolution)  # in [-.5, .5], x slowest
        self._vertices = vertices * 2

    def extract(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The surface of `values` [R+1, R+1, R+1] as vertices [V, 3] (with gradient) and faces [F, 3] int32.

        The outermost layer of the grid counts as at least half a cell outside, so the surface is closed.
        """
        side = self.resolution + 1
        if values.shape != (side, side, side):
            raise ValueError(f"values have the shape {list(values.shape)}; this grid wants {[side] * 3}")
        inner = torch.zeros_like(values, dtype=torch.bool)
        inner[1:-1, 1:-1, 1:-1] = True
        closed = torch.where(inner, values, values.clamp(min=1.0 / self.resolution))
        vertices, faces, _ = self._flexicubes(
            self._vertices, closed.reshape(-1), self._cubes, self.resolution, training=False
        )
        return vertices, faces.int()


def _install_command() -> str:
    version = torch.__version__.split("+")[0]
    cuda = f"cu{torch.version.cuda.replace('.', '')}" if torch.version.cuda else "cpu"
    return INSTALL.format(torch=version, cuda=cuda)
