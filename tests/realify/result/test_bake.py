import numpy as np
import pytest
import torch

from realify.result.bake import Textures, bake
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.render import make_renderer
from sdf_fit.render.shading import linear_to_srgb
from tests.realify.bodies import egg, ring, stripes, unwrapped

RENDERER = make_renderer("numba")


def _on_surface(mesh: UnwrappedMesh, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random points [N, 3] of the mesh, rims of charts included, and their uvs [1, 1, N, 2]."""
    random = np.random.default_rng(0)
    weights = random.dirichlet((1, 1, 1), count).astype(np.float32)
    corners = mesh.faces[random.integers(len(mesh.faces), size=count)]
    points = np.einsum("nk,nkc->nc", weights, mesh.vertices[corners])
    uvs = np.einsum("nk,nkc->nc", weights, mesh.uvs[corners])
    return torch.from_numpy(points), torch.from_numpy(uvs)[None, None]


@pytest.mark.parametrize("field", [egg, ring])
@pytest.mark.parametrize(("size", "tolerance"), [(256, 0.04), (1024, 0.012)])
def test_the_texture_gives_the_material_back(field, size, tolerance):
    mesh = unwrapped(field)
    textures = bake(mesh, stripes, size, RENDERER)
    points, uvs = _on_surface(mesh, 5000)
    wanted = stripes(points)
    wanted[:, :3] = linear_to_srgb(wanted[:, :3])
    images = np.concatenate([textures.base_color, textures.metallic_roughness[..., 1:]], axis=2)
    found = RENDERER.texture(torch.from_numpy(images)[None].float() / 255, uvs)[0, 0]
    assert (found - wanted).abs().max() < tolerance
    assert textures.base_color.shape == (size, size, 3) and textures.base_color.dtype == np.uint8


def test_texels_between_charts_continue_their_neighbours():
    """A fourfold smaller mipmap, which mixes texels in and between charts, still gives the material back."""
    mesh = unwrapped(ring)
    texture = torch.from_numpy(bake(mesh, stripes, 1024, RENDERER).base_color).float() / 255
    mipmap = torch.nn.functional.avg_pool2d(texture.permute(2, 0, 1)[None], 4).permute(0, 2, 3, 1)
    points, uvs = _on_surface(mesh, 5000)
    wanted = linear_to_srgb(stripes(points)[:, :3])
    assert (RENDERER.texture(mipmap, uvs)[0, 0] - wanted).abs().max() < 0.05


def test_backends_bake_the_same():
    mesh = unwrapped(egg, 1000)
    a, b = (bake(mesh, stripes, 128, make_renderer(name)) for name in ("numba", "torch"))
    different = (np.abs(a.base_color.astype(int) - b.base_color) > 2).any(axis=2)
    assert different.mean() < 0.002  # texel centres that lie on an edge may fall to either side


def test_memory_stays_bounded():
    sizes: list[int] = []

    def watched(points: torch.Tensor) -> torch.Tensor:
        sizes.append(len(points))
        return stripes(points)

    bake(unwrapped(ring), watched, 1024, RENDERER)
    assert max(sizes) <= 2**18 and sum(sizes) > 2**18


def test_a_material_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        bake(unwrapped(ring, 1000), lambda p: torch.full((len(p), 5), float("nan")), 64, RENDERER)


def test_textures_are_what_gltf_calls_them():
    mesh = unwrapped(ring, 1000)

    def material(points: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.2159, 0.0, 1.0, 0.25, 0.75]).expand(len(points), 5)

    textures: Textures = bake(mesh, material, 64, RENDERER)
    assert textures.base_color[0, 0].tolist() == [128, 0, 255]
    assert textures.metallic_roughness[0, 0].tolist() == [255, 64, 191]
