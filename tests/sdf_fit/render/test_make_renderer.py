"""Which rasteriser a job gets, and what it is told when it cannot have the one it named."""

from __future__ import annotations

import pytest
import torch

from sdf_fit.cameras import CameraRanges, clip_from_work, sample_views, to_clip
from sdf_fit.render import BackendError, make_renderer
from sdf_fit.render.nvdiffrast import is_installed
from tests.sdf_fit.shapes import bumpy_ball


def test_the_backend_follows_the_device() -> None:
    assert make_renderer("auto", "cpu").name == "numba"
    assert make_renderer("torch", "cpu").name == "torch"
    assert make_renderer("auto", "mps").name == "torch"
    assert make_renderer("auto", "cuda").name == "torch" or is_installed()


@pytest.mark.parametrize(
    ("backend", "device", "message", "fix"),
    [
        ("numba", "cuda", "draws on the CPU, the device is cuda", "Set backend to torch"),
        ("nvdiffrast", "cpu", "draws on CUDA, the device is cpu", "Set backend to auto"),
        ("opengl", "cpu", "no backend 'opengl'", "auto, numba, torch, nvdiffrast"),
    ],
)
def test_a_backend_that_cannot_be_had(backend: str, device: str, message: str, fix: str) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        make_renderer(backend, device)
    assert fix in caught.value.fix


if not is_installed():

    def test_missing_nvdiffrast_names_the_command() -> None:
        with pytest.raises(BackendError, match="not installed") as caught:
            make_renderer("nvdiffrast", "cuda")
        assert "pip install git+https://github.com/NVlabs/nvdiffrast" in caught.value.fix


@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["nvdiffrast", "torch"])
def test_backends_on_a_gpu_agree_with_numba(backend: str) -> None:
    vertices, tri = bumpy_ball(5)
    matrices = clip_from_work(sample_views(2, CameraRanges(), torch.Generator().manual_seed(0)))
    weights = torch.randn(2, 128, 128, 4, generator=torch.Generator().manual_seed(1))
    results = []
    for name, device in (("numba", "cpu"), (backend, "cuda")):
        renderer = make_renderer(name, device)
        moved = vertices.to(device).requires_grad_(True)
        faces = tri.to(device)
        pos = to_clip(moved, matrices.to(device))
        rast = renderer.rasterize(pos, faces, (128, 128))
        seen = renderer.interpolate(moved[None], rast, faces)
        image = torch.cat([seen, (rast[..., 3:] > 0).float()], -1)
        image = renderer.antialias(image, rast, pos, faces)
        (image * weights.to(device)).sum().backward()
        assert moved.grad is not None
        results.append([tensor.detach().cpu() for tensor in (rast, image, moved.grad)])
    (rast, image, grad), (rast_gpu, image_gpu, grad_gpu) = results
    same = rast[..., 3] == rast_gpu[..., 3]
    assert (~same).float().mean() < 2e-3
    torch.testing.assert_close(rast[same], rast_gpu[same], atol=5e-3, rtol=0)
    assert (image - image_gpu).abs().mean() < 1e-3
    assert (grad - grad_gpu).norm() < 0.05 * grad.norm()
