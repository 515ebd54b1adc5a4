"""A result's file, read by a Blender of its own: one closed mesh in the sketch's coordinates, with its material."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from tests.blender_addon.inside import results, sketches
from tests.blender_addon.inside.conftest import ROOT

RED = (0.5776, 0.0212, 0.0130)  # (200, 40, 30) as linear light


def wedge_job(**more: Any) -> Any:
    sketch = sketches.wedge()
    sketch.location, sketch.rotation_euler, sketch.scale = (4, -3, 2), (0.4, -0.3, 1.0), (-1.5, 0.5, 1.2)
    return results.job_of(sketch, **more)


def triangles_of(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """World points [N, 3] and triangles, outward in the world, as the file of a mirrored sketch has them."""
    obj.data.calc_loop_triangles()
    triangles = np.array([each.vertices[:] for each in obj.data.loop_triangles])
    mirrored = obj.matrix_world.determinant() < 0
    return sketches.world_points(obj), triangles[:, ::-1] if mirrored else triangles


def read_wedge(tmp_path: Path, smooth: bool) -> tuple[bpy.types.Mesh, np.ndarray, Any]:
    """The mesh that was made of the wedge's own shape, the wedge's points, the job."""
    job = wedge_job()
    points, triangles = triangles_of(bpy.data.objects["wedge"])
    relative = points - np.array(job.origin)
    normals = None
    if smooth:
        bpy.data.objects["wedge"].data.shade_smooth()
        local = np.array([each.vector[:] for each in bpy.data.objects["wedge"].data.vertex_normals])
        linear = np.array(job.matrix).reshape(4, 4)[:3, :3]
        normals = local @ np.linalg.inv(linear)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    glb = results.write_glb(tmp_path / "result.glb", relative, triangles, normals)
    blend, answer = results.read(glb, job, tmp_path / "child")
    assert answer == {"faces": len(triangles), "vertices": 6, "mesh": "wedge"}
    return results.part("scene.blend_file").append(blend, "meshes"), points, job


@pytest.mark.parametrize("smooth", [True, False])
def test_the_mesh_is_in_the_sketchs_own_coordinates_and_closed(
    smooth: bool, addon: ModuleType, tmp_path: Path
) -> None:
    mesh, _, _ = read_wedge(tmp_path, smooth)
    found = np.array([vertex.co[:] for vertex in mesh.vertices])
    wanted = np.array([vertex.co[:] for vertex in bpy.data.objects["wedge"].data.vertices])
    assert sketches.distance(found, wanted) < 2e-6
    uses = np.bincount([index for face in mesh.polygons for index in _edges(mesh, face)], minlength=len(mesh.edges))
    assert (uses == 2).all()  # what the texture's seams had split is one body again
    inside = found.mean(axis=0)
    outward = [(np.array(face.center) - inside) @ np.array(face.normal) > 0 for face in mesh.polygons]
    assert all(outward)  # also though the sketch is mirrored


def _edges(mesh: bpy.types.Mesh, face: bpy.types.MeshPolygon) -> list[int]:
    return [mesh.loops[corner].edge_index for corner in face.loop_indices]


def test_normals_are_the_files(addon: ModuleType, tmp_path: Path) -> None:
    flat, _, job = read_wedge(tmp_path, smooth=False)
    to_local = np.array(job.matrix).reshape(4, 4)[:3, :3]
    for face in flat.polygons:
        assert face.use_smooth
        wanted = np.array(face.normal)  # a flat file stays flat: its corners look where their faces look
        for corner in face.loop_indices:
            assert np.array(flat.corner_normals[corner].vector) @ wanted > 0.99
    assert flat.has_custom_normals and np.linalg.det(to_local) < 0


def test_a_smooth_result_needs_no_normals_of_its_own(addon: ModuleType, tmp_path: Path) -> None:
    mesh, _, _ = read_wedge(tmp_path, smooth=True)
    assert all(face.use_smooth for face in mesh.polygons) and not mesh.has_custom_normals
    assert not {"sharp_edge", "sharp_face", "custom_normal"} & set(mesh.attributes.keys())


def test_material_texture_and_names(addon: ModuleType, tmp_path: Path) -> None:
    mesh, _, _ = read_wedge(tmp_path, smooth=True)
    (material,) = mesh.materials
    assert material.name == "wedge" and mesh["prompt"] == "a wedge" and mesh["seed"] == 3
    assert material.diffuse_color[:3] == pytest.approx(RED, abs=2e-3)
    images = {node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
    assert len(images) == 2 and all(each.packed_file and each.name.startswith("wedge ") for each in images)
    assert material.node_tree.nodes.active.image.name == "wedge Base Color"
    uvs = np.array([each.vector[:] for each in mesh.uv_layers[0].uv])
    assert np.allclose(sorted({(round(u, 4), round(v, 4)) for u, v in uvs}), [(0.1, 0.1), (0.1, 0.9), (0.9, 0.9)])


def test_a_real_result(addon: ModuleType, tmp_path: Path) -> None:
    job = results.part("jobs.job").Job(name="赤いキノコ", prompt="")
    _, answer = results.read(ROOT / "examples" / "sketches" / "mushroom.glb", job, tmp_path / "child", alone=True)
    assert answer["faces"] > 100 and answer["mesh"] == "赤いキノコ"


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", b"glTF\x02\0\0\0\xff\0\0\0"])
def test_what_is_no_glb_is_told_as_that(content: bytes, addon: ModuleType, tmp_path: Path) -> None:
    glb = tmp_path / "result.glb"
    glb.write_bytes(content)
    with pytest.raises(results.part("trouble").Trouble) as told:
        results.read(glb, wedge_job(), tmp_path / "child")
    assert told.value.code == "bad_result" and "result.glb" in told.value.message
    assert "Retry" in told.value.fix and not glb.exists()  # a retry fetches it anew


def test_a_result_without_faces(addon: ModuleType, tmp_path: Path) -> None:
    glb = tmp_path / "result.glb"
    bpy.ops.wm.read_homefile(use_empty=True)
    sketches.link("nothing", None)
    bpy.ops.export_scene.gltf(filepath=str(glb))
    with pytest.raises(results.part("trouble").Trouble) as told:
        results.read(glb, wedge_job(), tmp_path / "child")
    assert told.value.code == "empty_result"


def test_several_parts_become_one(addon: ModuleType, tmp_path: Path) -> None:
    one, other = sketches.wedge("one"), sketches.wedge("other")
    other.location.x = 5
    other.data.materials.append(bpy.data.materials.new("its own"))
    bpy.context.view_layer.update()
    glb = tmp_path / "result.glb"
    bpy.ops.export_scene.gltf(filepath=str(glb))
    wanted = np.concatenate([sketches.world_points(one), sketches.world_points(other)])
    blend, _ = results.read(glb, results.part("jobs.job").Job(name="both", prompt=""), tmp_path / "child")
    mesh = results.part("scene.blend_file").append(blend, "meshes")
    found = np.array([vertex.co[:] for vertex in mesh.vertices])
    assert len(found) == 12 and sketches.distance(found, wanted) < 1e-5
