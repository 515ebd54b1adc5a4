"""Hostile and broken files cost one clear SketchError: no crash, no hang, nothing read outside their
folder."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from sdf_fit.sandbox.capped_child import ChildError, run_capped
from sdf_fit.sketch import limits
from sdf_fit.sketch.read import Limits, Sketch, SketchError, read_sketch
from tests.sdf_fit.sketch import hostile_sketches as hostile

LIMITS = Limits(memory_bytes=2**30, seconds=60.0, vertices=200_000, faces=200_000)


def outcome(path: Path) -> tuple[str, str]:
    """("", warnings) for a sound sketch, else the error's code and text; anything else is a failure."""
    try:
        sketch = read_sketch(path, limits=LIMITS)
    except SketchError as error:
        assert error.message and error.fix and len(str(error)) < 1500, path
        return error.code, str(error)
    check_sound(sketch)
    return "", " ".join(sketch.warnings)


def check_sound(sketch: Sketch) -> None:
    mesh = sketch.mesh
    assert np.isfinite(mesh.vertices).all() and np.isfinite(sketch.world_from_work).all()
    assert len(mesh.faces) and mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)


def check_all(expected: dict[Path, str], monkeypatch: pytest.MonkeyPatch) -> dict[Path, str]:
    """The text of what each file came to. All are parsed in one capped child, and not a child each, for speed
    alone: had one of them crashed it or hung, none would have a result."""
    (folder,) = {path.parent for path in expected}
    values = {"folder": str(folder), "max_vertices": LIMITS.vertices, "max_faces": LIMITS.faces}
    caps = {"memory_bytes": LIMITS.memory_bytes, "seconds": LIMITS.seconds, "readable": folder}
    parsed = run_capped("tests.sdf_fit.sandbox.child_functions:parse_all", values, **caps)  # type: ignore[arg-type]

    def of_one(target: str, order: dict[str, str], **_: object) -> dict[str, object]:
        name = Path(order["path"]).name
        arrays = {key.split("|")[1]: value for key, value in parsed.items() if key.startswith(f"{name}|")}
        if "error" in arrays:
            kind, text, *arguments = arrays["error"].tolist()
            raise ChildError("raised", f"{kind}: {text}", kind, tuple(arguments))
        return arrays

    monkeypatch.setattr(limits, "run_capped", of_one)
    outcomes = {path: outcome(path) for path in expected}
    wrong = {
        path.name: (code, outcomes[path])
        for path, code in expected.items()
        if code and outcomes[path][0] != code
    }
    assert not wrong
    return {path: text for path, (_, text) in outcomes.items()}


def test_broken_glb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {}
    for name, (data, code) in hostile.broken_glb().items():
        (tmp_path / f"{name}.glb").write_bytes(data)
        expected[tmp_path / f"{name}.glb"] = code
    check_all(expected, monkeypatch)


def test_flipped_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, data in hostile.flipped_glb(range(60)):
        (tmp_path / f"{name}.glb").write_bytes(data)
    check_all(dict.fromkeys(sorted(tmp_path.iterdir()), ""), monkeypatch)


def test_nothing_outside_the_folder_and_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, outside = tmp_path / "sketches", tmp_path / "outside.bin"
    folder.mkdir()
    outside.write_bytes(bytes(hostile.writer().binary))
    files = hostile.linked_gltf(folder, outside)
    texts = check_all(dict(files.values()), monkeypatch)
    assert all(texts[path] for path, _ in files.values()), "a buffer from elsewhere was read"


def test_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sketches"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(b"newmtl a\nKd 1 0 0\n")
    expected = {}
    for name, (data, code) in hostile.other_formats().items():
        (folder / name).write_bytes(data)
        expected[folder / name] = code
    texts = check_all(expected, monkeypatch)
    assert "outside its own folder" in texts[folder / "library_outside.obj"]


def test_missing_and_folder(tmp_path: Path) -> None:
    assert outcome(tmp_path / "none.glb")[0] == "missing"
    assert outcome(tmp_path)[0] == "not_a_file"


@pytest.mark.parametrize(("function", "code"), [("crash", "crashed"), ("hang", "slow"), ("lie", "broken")])
def test_a_child_that_dies_hangs_or_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: str
) -> None:
    """The parser replaced by one that misbehaves: the same way through the child as any file's."""
    path = hostile.writer().write(tmp_path / "sound.glb")
    honest = limits.run_capped

    def run(target: str, values: dict[str, object], **caps: object) -> dict[str, object]:
        assert target == "sdf_fit.sketch.parse:parse"
        name = f"tests.sdf_fit.sandbox.child_functions:parse_and_{function}"
        return honest(name, values, **caps)  # type: ignore[arg-type]

    monkeypatch.setattr(limits, "run_capped", run)
    tight = Limits(seconds=2.0 if function == "hang" else 60.0)
    start = time.monotonic()
    with pytest.raises(SketchError) as caught:
        read_sketch(path, limits=tight)
    assert caught.value.code == code
    if function == "hang":
        assert time.monotonic() - start < 10
