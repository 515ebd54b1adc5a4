"""What is optimised: a shape (distance grid, and the extractor for its triangles) and its material."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from sdf_fit.body.fields import MaterialField, SdfGrid
from sdf_fit.extract import Extractor
from sdf_fit.mesh import Mesh
from sdf_fit.render.surface import Surface


class LostSurfaceError(RuntimeError):
    """The field has no zero level any more."""

    fix = "lower the learning rates fit.lr or geometry.lr, or raise geometry.keep_shape"


class Shape(nn.Module):
    """An SDF in the working frame; `bound` [R+1]^3 is an upper limit that keeps its thin parts."""

    bound: Tensor

    def __init__(self, sdf: SdfGrid, bound: Tensor, extractor: Extractor) -> None:
        super().__init__()
        self.sdf = sdf
        self.extractor = extractor
        self.register_buffer("bound", bound)

    def surface(self) -> Surface:
        """The zero level with the gradient to the SDF. Raises LostSurfaceError."""
        vertices, faces = self.extractor.extract(self.sdf.values)
        if len(faces) == 0:
            raise LostSurfaceError("the body has no surface left")
        return Surface.of(vertices, faces)

    @torch.no_grad()
    def keep_thin_parts(self) -> None:
        """Sheets thinner than a cell would vanish between grid vertices: never let them get so thin."""
        torch.minimum(self.sdf.values, self.bound, out=self.sdf.values)


class Body(nn.Module):
    """A shape with its material; `drawn` is the material as the sketch had it and stands still."""

    def __init__(self, shape: Shape, material: MaterialField, drawn: MaterialField | None = None) -> None:
        super().__init__()
        self.shape, self.material = shape, material
        self.drawn = (drawn or deepcopy(material)).requires_grad_(False)

    @classmethod
    def from_state(cls, state: dict[str, Tensor], extractor: Extractor, device: torch.device | str) -> Body:
        """The body whose `state_dict` this is."""
        state = {name: tensor.to(device) for name, tensor in state.items()}

        def field(prefix: str) -> MaterialField:
            mine = {name: tensor for name, tensor in state.items() if name.startswith(prefix)}
            return MaterialField.from_state({name.removeprefix(prefix): part for name, part in mine.items()})

        shape = Shape(SdfGrid.from_values(state["shape.sdf.values"]), state["shape.bound"], extractor)
        return cls(shape, field("material."), field("drawn."))

    def surface(self) -> Surface:
        """See `Shape.surface`."""
        return self.shape.surface()

    @torch.no_grad()
    def mesh(self) -> Mesh:
        """The surface as arrays, coloured by the material at its vertices."""
        surface = self.surface()
        colors = self.material(surface.vertices)[:, :3]
        return Mesh(surface.vertices.cpu().numpy(), surface.faces.cpu().numpy(), colors.cpu().numpy())
