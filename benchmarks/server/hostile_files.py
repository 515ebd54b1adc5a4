"""Hostile and broken sketch files for the upload route: by hand, and by mutation of sound ones with a fixed seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from benchmarks.server import hostile_zips, mutations
from tests.sdf_fit.sketch import hostile_sketches as by_hand

SEED = 20260
EXAMPLES = Path(__file__).parents[2] / "examples" / "sketches"
REFUSED = "refused"  # a code of some kind, whichever
UPLOADS = (".glb", ".ply", ".stl", ".obj", ".zip")


@dataclass(frozen=True)
class HostileFile:
    """`code`: the error that it has to end in; REFUSED: some error; "": it may also be taken."""

    kind: str
    name: str
    data: bytes
    code: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def sound_files() -> dict[str, bytes]:
    """One of each format that is taken, by file name."""
    mesh = trimesh.creation.torus(1.0, 0.3, 16, 8)
    return {
        "tetrahedron.glb": by_hand.writer(extras={"name": "sound"}).glb(),  # its bytes are nobody else's
        "apple.glb": (EXAMPLES / "apple.glb").read_bytes(),
        "torus.obj": _exported(mesh, "obj"),
        "torus.ply": _exported(mesh, "ply"),
        "torus_text.ply": _exported(mesh, "ply", encoding="ascii"),
        "torus.stl": _exported(mesh, "stl"),
        "gltf.zip": hostile_zips.packed(hostile_zips.sound_gltf()),
        "obj.zip": hostile_zips.packed(hostile_zips.sound_obj()),
    }


def _exported(mesh: trimesh.Trimesh, kind: str, **how: str) -> bytes:
    made = mesh.export(file_type=kind, **how)
    if isinstance(made, dict):
        raise TypeError(f"trimesh made a {kind} of several files, wanted one")
    return made.encode() if isinstance(made, str) else made


def hostile_files(outside: Path, port: int, rounds: int = 3) -> list[HostileFile]:
    """All of them, no two with the same bytes. `rounds`: mutants of each sound file by each mutation; three give
    more than three hundred files."""
    found: dict[bytes, HostileFile] = {}
    for each in (*_made_by_hand(outside, port), *_mutants(rounds)):
        found.setdefault(each.data, each)
    return list(found.values())


def quick(files: list[HostileFile], of_each_kind: int = 2) -> list[HostileFile]:
    """A few of each kind."""
    seen: dict[str, int] = {}
    for each in files:
        seen[each.kind] = seen.get(each.kind, 0) + 1
    step = {kind: max(1, count // of_each_kind) for kind, count in seen.items()}
    places = dict.fromkeys(seen, 0)
    few = []
    for each in files:
        if places[each.kind] % step[each.kind] == 0 and places[each.kind] // step[each.kind] < of_each_kind:
            few.append(each)
        places[each.kind] += 1
    return few


def _made_by_hand(outside: Path, port: int) -> Iterator[HostileFile]:
    for name, (data, code) in by_hand.broken_glb().items():
        # the server's limits are wider than those it was made for
        yield HostileFile("GLB by hand", f"{name}.glb", data, "" if name == "many_copies" else code)
    for name, (data, code) in by_hand.other_formats().items():
        known = Path(name).suffix in UPLOADS
        if data:  # an upload of nothing is the HTTP tests' matter
            yield HostileFile("OBJ, PLY, STL by hand", name, data, code if known else REFUSED)
    for name, data in hostile_zips.archives().items():
        yield HostileFile("zip by hand", f"{name}.zip", data, REFUSED)
    for name, data in hostile_zips.doubtful().items():
        yield HostileFile("zip by hand", f"{name}.zip", data)
    for name, (data, code) in hostile_zips.linked(outside, port).items():
        yield HostileFile("glTF with a link out", f"{name}.zip", data, code)
    for name, data in _objs(outside, port).items():
        yield HostileFile("OBJ with a link out", f"{name}.obj", data)


def _objs(outside: Path, port: int) -> dict[str, bytes]:
    """OBJ files that name a material elsewhere: they may be taken without it."""
    targets = (str(outside), f"../{outside.name}", f"http://127.0.0.1:{port}/a.mtl", "/dev/zero", "/proc/self/environ")
    return {
        f"library_{number}": b"mtllib " + target.encode() + b"\nusemtl a\n" + hostile_zips.TRIANGLE
        for number, target in enumerate(targets)
    }


def _mutants(rounds: int) -> Iterator[HostileFile]:
    for name, data in sound_files().items():
        file = Path(name)
        methods = list(mutations.BYTES)
        if file.suffix == ".glb":
            methods += [mutations.odd_header] * 5
        if file.suffix in (".obj", ".ply"):
            methods += [mutations.odd_words] * 3
        for place, mutate in enumerate(methods):
            for turn in range(rounds):
                rng = np.random.default_rng([SEED, *name.encode(), place, turn])
                label = f"{file.stem}-{mutate.__name__}-{place}-{turn}{file.suffix}"
                yield HostileFile(f"{file.suffix[1:].upper()} by mutation", label, mutate(data, rng))
