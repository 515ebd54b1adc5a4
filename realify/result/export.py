"""The result as a GLB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from trimesh import Scene, Trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from realify.job.atomic import write_atomic
from realify.result.bake import Textures
from realify.result.measures import vertex_normals
from realify.result.unwrap import UnwrappedMesh
from realify.setting import SettingsError
from sdf_fit.mesh import Mesh
from sdf_fit.render.shading import linear_to_srgb

# glTF's numbers, which are OpenGL's
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
BODY_FORMATS = ("glb", "ply", "obj", "stl")
SAMPLER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}  # trilinear, clamped
PAINT = {"metallicFactor": 0.0, "roughnessFactor": 0.85}  # under vertex colours; glTF's default is metal


def write_glb(
    path: Path,
    mesh: UnwrappedMesh,
    textures: Textures,
    world_from_work: np.ndarray,
    name: str,
    extras: dict[str, Any] | None = None,
) -> None:
    """Write `mesh` as a self-contained GLB in metres, +Y up; an old file stays until the new one is whole.

    Turn and scale go into the vertices. The translation becomes the node's: float32 vertices far from the
    origin would lose digits, and the object's own origin is then its middle.

    Args:
        mesh: in the working frame.
        world_from_work: [4, 4] affine, not mirroring.
        name: of the object, its mesh and its material.
        extras: JSON values kept with the object; Blender shows them as its custom properties.

    Raises:
        ValueError: world_from_work mirrors, flattens or is not finite.
        OSError: the file cannot be written.
    """
    linear = _linear_part(world_from_work)
    material = PBRMaterial(
        name=name,
        baseColorTexture=Image.fromarray(textures.base_color),
        metallicRoughnessTexture=Image.fromarray(textures.metallic_roughness),
        baseColorFactor=[1.0, 1.0, 1.0, 1.0],
        metallicFactor=1.0,
        roughnessFactor=1.0,
        doubleSided=False,
    )
    body = Trimesh(
        mesh.vertices @ linear.T,
        mesh.faces,
        vertex_normals=mesh.normals @ np.linalg.inv(linear),  # normals go with the inverse transpose
        # trimesh counts v from below, as OBJ does, and turns it over on its way out
        visual=TextureVisuals(uv=mesh.uvs * [1, -1] + [0, 1], material=material),
        process=False,
    )
    write_atomic(path, _glb(body, world_from_work, name, extras or {}))


def write_body(path: Path, mesh: Mesh, world_from_work: np.ndarray) -> None:
    """Write an untextured mesh in its vertex colours, as the path's extension says: GLB, PLY, OBJ or STL.

    Raises SettingsError for another extension, ValueError and OSError as `write_glb`.
    """
    kind = path.suffix[1:].lower()
    if kind not in BODY_FORMATS:
        raise SettingsError(f"{path} ends in {path.suffix!r}.", f"Choose one of .{', .'.join(BODY_FORMATS)}.")
    linear = _linear_part(world_from_work)
    colors = np.full_like(mesh.vertices, 0.5) if mesh.colors is None else mesh.colors
    if kind != "glb":  # glTF's vertex colours are linear, the others' sRGB
        colors = linear_to_srgb(torch.from_numpy(colors)).numpy()
    body = Trimesh(
        mesh.vertices @ linear.T,
        mesh.faces,
        vertex_normals=vertex_normals(mesh.vertices, mesh.faces) @ np.linalg.inv(linear),
        vertex_colors=(colors * 255 + 0.5).astype(np.uint8),
        process=False,
    )
    if kind == "glb":
        data = _glb(body, world_from_work, path.stem, {})
    else:
        body.apply_translation(np.asarray(world_from_work)[:3, 3])
        exported: Any = body.export(file_type=kind)
        data = exported.encode() if isinstance(exported, str) else exported
    write_atomic(path, data)


def _linear_part(world_from_work: np.ndarray) -> np.ndarray:
    """Turn and scale [3, 3] of a placement; ValueError where it would turn a mesh inside out."""
    linear = np.asarray(world_from_work, np.float64)[:3, :3]
    if not (np.isfinite(world_from_work).all() and np.linalg.det(linear) > 0):
        raise ValueError(f"this placement mirrors or flattens: {np.asarray(world_from_work).tolist()}")
    return linear


def _glb(body: Trimesh, world_from_work: np.ndarray, name: str, extras: dict[str, Any]) -> bytes:
    """The file's bytes; `body` is turned and scaled, but not yet moved."""
    translation = np.eye(4)
    translation[:3, 3] = np.asarray(world_from_work)[:3, 3]
    scene = Scene()
    scene.add_geometry(body, node_name=name, geom_name=name, transform=translation)
    return export_glb(
        scene,
        include_normals=True,
        unitize_normals=True,
        tree_postprocessor=lambda tree: _complete(tree, name, extras),
    )


def _complete(tree: dict[str, Any], name: str, extras: dict[str, Any]) -> None:
    """Add what trimesh leaves out: how textures are sampled, what buffers are for, a material, our extras."""
    tree["asset"]["generator"] = "Realify"
    if "textures" in tree:
        tree["samplers"] = [SAMPLER]
        for texture in tree["textures"]:
            texture["sampler"] = 0
    tree.setdefault("materials", [{"name": name, "pbrMetallicRoughness": PAINT}])
    for primitive in tree["meshes"][0]["primitives"]:
        primitive["material"] = 0
        targets = {primitive["indices"]: ELEMENT_ARRAY_BUFFER}
        targets |= dict.fromkeys(primitive["attributes"].values(), ARRAY_BUFFER)
        for accessor, target in targets.items():
            tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]["target"] = target
    for node in tree["nodes"]:
        if node.get("name") == name and extras:
            node["extras"] = extras
