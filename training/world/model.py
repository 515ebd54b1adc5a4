"""An object in the making: parts with their materials, and the mesh that they become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.world.dice import Dice
from training.world.materials import Material
from training.world.parts import Face, Part


@dataclass(frozen=True)
class Mesh:
    """A whole object; Z up, front towards -Y."""

    vertices: np.ndarray  # [V, 3]
    faces: list[Face]
    material_index: list[int]  # per face, into `materials`
    smooth: list[bool]  # per face
    materials: list[Material]

    def normalised(self) -> "Mesh":
        """Centred in x and y, standing on z = 0, with radius 1 around the middle of its bounding box."""
        low, high = self.vertices.min(0), self.vertices.max(0)
        middle = (low + high) / 2
        radius = np.linalg.norm(self.vertices - middle, axis=1).max()
        foot = np.array([middle[0], middle[1], low[2]])
        return replace(self, vertices=(self.vertices - foot) / radius)

    def triangles(self) -> tuple[np.ndarray, np.ndarray]:
        """Triangles [T, 3] (int64) and the material index of each [T]."""
        corners = [
            (face[0], face[k], face[k + 1], material)
            for face, material in zip(self.faces, self.material_index, strict=True)
            for k in range(1, len(face) - 1)
        ]
        table = np.array(corners, dtype=np.int64).reshape(-1, 4)
        return table[:, :3], table[:, 3]


class Model:
    """Collects parts; `mesh()` gives them as one."""

    def __init__(self) -> None:
        self._vertices: list[np.ndarray] = []
        self._faces: list[Face] = []
        self._material_index: list[int] = []
        self._smooth: list[bool] = []
        self._materials: list[Material] = []

    def add(
        self,
        part: Part,
        material: Material,
        smooth: bool = True,
        rotate: np.ndarray | None = None,
        move: Sequence[float] | np.ndarray | None = None,
        scale: float | Sequence[float] | np.ndarray | None = None,
    ) -> None:
        """Adds a part: first scaled (one number or three), then rotated ([3, 3]), then moved ([3])."""
        vertices, faces = part
        if scale is not None:
            vertices = vertices * np.asarray(scale, dtype=float)
        if rotate is not None:
            vertices = vertices @ np.asarray(rotate, dtype=float).T
        if move is not None:
            vertices = vertices + np.asarray(move, dtype=float)
        # A mirroring scale turns the faces inside out.
        mirrored = scale is not None and np.prod(np.broadcast_to(scale, 3)) < 0
        first = sum(len(block) for block in self._vertices)
        self._vertices.append(vertices)
        for face in faces:
            self._faces.append(tuple(index + first for index in (face[::-1] if mirrored else face)))
        self._material_index += [self._index_of(material)] * len(faces)
        self._smooth += [smooth] * len(faces)

    def _index_of(self, material: Material) -> int:
        if material not in self._materials:
            self._materials.append(material)
        return self._materials.index(material)

    def warp(self, dice: Dice, amount: float, frequency: float = 2.0) -> None:
        """Bends all that was added so far by long waves: nothing grown or made by hand is quite straight."""
        waves = [
            (direction / np.linalg.norm(direction), dice.uniform(0.6, 1.6) * frequency, dice.uniform(0, 6.28), push)
            for direction, push in ((dice.normal(size=3), dice.normal(size=3)) for _ in range(3))
        ]
        for k, block in enumerate(self._vertices):
            offset = sum(np.sin(block @ along * rate + phase)[:, None] * push for along, rate, phase, push in waves)
            self._vertices[k] = block + amount * offset

    def turn(self, rotation: np.ndarray) -> None:
        """Turns all that was added so far by `rotation` [3, 3] about the origin."""
        self._vertices = [block @ rotation.T for block in self._vertices]

    def mesh(self) -> Mesh:
        """All parts as one, without vertices that no face has: they would count in the object's size."""
        vertices = np.concatenate(self._vertices)
        used = np.zeros(len(vertices), dtype=bool)
        used[[index for face in self._faces for index in face]] = True
        place = np.cumsum(used) - 1
        faces = self._faces if used.all() else [tuple(place[list(face)].tolist()) for face in self._faces]
        return Mesh(
            vertices[used],
            list(faces),
            list(self._material_index),
            list(self._smooth),
            list(self._materials),
        )

    def normalised(self) -> Mesh:
        """`mesh().normalised()`: what the renders, the sketch and the true mesh all start from."""
        return self.mesh().normalised()
