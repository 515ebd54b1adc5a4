"""A pipeline without torch, as fast as it is told to be, for a real worker process: `--pipeline
tests.server.fake_pipeline:run`.

The prompt directs it, by words among the others:

    steps=50            of the whole job, spread over the seven stages (20)
    pause=.01           seconds a step (0.01)
    checkpoint-every=10 steps between checkpoints; 0: none (5)
    warn=WORD           a warning, told at the first step
    attempts=2          the faults below come in the first two attempts alone; else in every one
    fail-at=12          an error of the job's own kind
    fault-at=12         an exception that nobody foresaw
    oom-at=12           a MemoryError
    cuda-at=12          a broken GPU, as torch tells of it
    crash-at=12         the process kills itself
    hang-at=12          sleeps on, without looking at whether it should stop
    deaf-at=12          sleeps on, and cannot be torn out of it
    echo=1              the result is the sketch itself, a GLB
    say=WORD            printed to stdout, by Python and by a child process
    child=1             starts a process that sleeps, in a session of its own; its number goes into child.pid
    slow-start=3        seconds that warming up takes (in the name of the warm prior)

Checkpoints are real files under the real name, and a later attempt goes on from them; the GLB holds a number that
depends on every step having been done once, in order.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from realify.job.atomic import write_atomic
from realify.job.events import STAGES, Stage, Stopped, Ticker
from realify.job.run_folder import CHECKPOINT, PREVIEWS, RESULT, SHEET, TURNTABLE
from sdf_fit.sketch.error import SketchError
from server.problem import ProblemDict
from server.worker.protocol import Message, Order
from server.worker.result_files import settle

SHARES = {"read": 0.05, "fit": 0.25, "stage1": 0.4, "stage2": 0.15, "sample": 0.05, "bake": 0.05, "export": 0.05}
FAULTS = ("fail-at", "fault-at", "oom-at", "cuda-at", "crash-at", "hang-at", "deaf-at")


@dataclass
class Warm:
    """Nothing is loaded."""

    device: str = "rehearsal"
    problem: ProblemDict | None = None


def warm_up(prior: str, device: str) -> Warm:
    """Ready at once, or as `prior` says."""
    time.sleep(number(prior, "slow-start", 0.0))
    if "broken-start" in prior:
        raise RuntimeError("the worker was told to break at its start")
    return Warm()


def number(prompt: str, word: str, default: float) -> float:
    """The prompt's WORD=NUMBER."""
    found = re.search(rf"(?<!\S){word}=([0-9.]+)", prompt)
    return float(found[1]) if found else default


def run(order: Order, tell: Callable[[Message], None], should_stop: Callable[[], bool], warm: Warm) -> None:
    """One attempt, as the prompt directs."""
    prompt, folder = order.prompt, order.folder
    steps, pause = int(number(prompt, "steps", 20)), number(prompt, "pause", 0.01)
    every = int(number(prompt, "checkpoint-every", 5))
    walk = plan(steps)
    ticker = Ticker(
        lambda event: tell({"type": "event", **event.as_dict()}),
        [Stage(name, sum(stage == name for stage, _ in walk)) for name in STAGES],
    )
    done, digest = restore(folder, order)
    if done:
        ticker.resume(*walk[done - 1])
    warnings = tuple(re.findall(r"(?<!\S)warn=(\S+)", prompt))
    side_effects(order)
    for index in range(done, len(walk)):
        stage, step = walk[index]
        misbehave(order, index + 1)
        time.sleep(pause)
        digest = hashlib.sha256(f"{digest} {index}".encode()).hexdigest()
        preview = None
        if step == 1 and stage in ("stage1", "stage2"):
            preview = folder / PREVIEWS / f"{stage}-{step:06d}.png"
            preview.parent.mkdir(exist_ok=True)
            write_atomic(preview, picture(index))
        ticker.tick(stage, step, loss=1 / (index + 1), preview=preview, warnings=warnings if index == done else ())
        stop = should_stop()
        if stop or (every and (index + 1) % every == 0):
            write_atomic(folder / CHECKPOINT, json.dumps({"done": index + 1, "digest": digest}).encode())
            tell({"type": "checkpoint"})
        if stop:
            raise Stopped
    finish(order, digest)


def digest_of(sketch: bytes, prompt: str) -> str:
    """What the result of a job holds whose every step was done once, in order."""
    digest = hashlib.sha256(sketch + prompt.encode()).hexdigest()
    for index in range(len(plan(int(number(prompt, "steps", 20))))):
        digest = hashlib.sha256(f"{digest} {index}".encode()).hexdigest()
    return digest


def plan(steps: int) -> list[tuple[str, int]]:
    """(stage, step within it) for each step; every stage has one."""
    counts = {name: max(1, round(steps * share)) for name, share in SHARES.items()}
    counts["stage1"] = max(1, counts["stage1"] + steps - sum(counts.values()))
    return [(name, step) for name in STAGES for step in range(1, counts[name] + 1)]


def restore(folder: Path, order: Order) -> tuple[int, str]:
    """Steps done, and the digest up to there."""
    if (folder / CHECKPOINT).exists():
        state = json.loads((folder / CHECKPOINT).read_bytes())
        return state["done"], state["digest"]
    return 0, hashlib.sha256(order.sketch.read_bytes() + order.prompt.encode()).hexdigest()


def side_effects(order: Order) -> None:
    """What a library might do behind our back."""
    if said := re.search(r"(?<!\S)say=(\S+)", order.prompt):
        print(said[1], flush=True)
        subprocess.run([sys.executable, "-c", f"print({said[1]!r})"], check=True)
    if number(order.prompt, "child", 0):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        (order.folder / "child.pid").write_text(str(child.pid))


def misbehave(order: Order, step: int) -> None:
    """The fault that the prompt wants at this step, if any."""
    if order.attempt > number(order.prompt, "attempts", float("inf")):
        return
    wanted = next((fault for fault in FAULTS if number(order.prompt, fault, 0) == step), None)
    if wanted == "fail-at":
        raise SketchError("rehearsed", "The prompt asked for a failure.", "Leave fail-at out.")
    if wanted == "fault-at":
        raise KeyError("nobody foresaw this")
    if wanted == "oom-at":
        bytearray(1 << 60)
    if wanted == "cuda-at":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if wanted == "crash-at":
        os.kill(os.getpid(), signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    while wanted in ("hang-at", "deaf-at"):
        try:
            time.sleep(60)
        except BaseException:
            if wanted == "hang-at":
                raise


def finish(order: Order, digest: str) -> None:
    """The files of a done job."""
    folder, made = order.folder, pyramid(order.name, {"prompt": order.prompt, "digest": digest})
    write_atomic(folder / RESULT, order.sketch.read_bytes() if number(order.prompt, "echo", 0) else made)
    write_atomic(folder / SHEET, picture(0))
    if order.settings.get("output.turntable"):
        write_atomic(folder / TURNTABLE, b"RIFF\x00\x00\x00\x00WEBP")
    settle(folder)


def pyramid(name: str, extras: dict[str, str]) -> bytes:
    """A small GLB of four coloured triangles."""
    corners = [(0, 1, 0), (-1, 0, 1), (1, 0, 1), (0, 0, -1)]
    faces = [(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)]
    positions = b"".join(struct.pack("<3f", *corners[i]) for face in faces for i in face)
    colours = b"".join(struct.pack("<3f", *c) for c in [(1, 0.2, 0.2)] * 3 + [(0.9, 0.8, 0.3)] * 9)
    views = [{"buffer": 0, "byteOffset": at, "byteLength": 144} for at in (0, 144)]
    numbers = {"componentType": 5126, "count": 12, "type": "VEC3"}
    accessors = [{"bufferView": 0, **numbers, "min": [-1, 0, -1], "max": [1, 1, 1]}, {"bufferView": 1, **numbers}]
    mesh = {"name": name, "primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}}]}
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "extras": extras}],
        "meshes": [mesh],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": 288}],
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", 288, 0x004E4942) + positions + colours
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def glb_extras(data: bytes) -> dict[str, str]:
    """What `pyramid` was given, out of its bytes."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length])["nodes"][0]["extras"]


def picture(tint: int, size: int = 64) -> bytes:
    """A PNG with a gradient, another one for each tint."""
    rows = b"".join(
        b"\x00" + bytes(value for x in range(size) for value in (4 * x % 256, 4 * y % 256, 40 * tint % 256))
        for y in range(size)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
