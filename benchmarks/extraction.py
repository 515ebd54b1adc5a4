"""Marching tetrahedra on the structured grid, forward and backward: `python -m benchmarks.extraction`."""

import torch

from benchmarks.yardstick import markdown, time_ms, yardstick_ms
from sdf_fit.extract.tets import TetGrid

HEADER = ["extraction, sphere of radius .9, one thread", "cubes", "faces", "best ms", "median ms"]


def run() -> list[list[str]]:
    """Rows under HEADER; the yardstick comes last."""
    rows = []
    for resolution in (64, 128):
        axis = torch.linspace(-1, 1, resolution + 1)
        values = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0) - 0.9
        values.requires_grad_()
        grid = TetGrid(resolution)
        faces = grid.extract(values)[1]

        def step(values: torch.Tensor = values, grid: TetGrid = grid) -> None:
            values.grad = None
            grid.extract(values)[0].square().sum().backward()

        def fresh_step(step=step, grid: TetGrid = grid) -> None:
            grid.topology = None
            step()

        for name, fn in (("new signs", fresh_step), ("signs as before", step)):
            best, median = time_ms(fn)
            rows.append([name, f"{resolution}³", str(len(faces)), f"{best:.1f}", f"{median:.1f}"])
    return [*rows, ["yardstick: 1024³ float32 product", "", "", f"{yardstick_ms():.1f}", ""]]


if __name__ == "__main__":
    print(markdown(HEADER, run()))
