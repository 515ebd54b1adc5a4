"""Hostile and broken sketch files, handed to the upload route of a running server.

Each has to be taken or refused with an error that names what is wrong, within its time, and without the server or one
of its processes dying of it. What the parsing processes open is watched by opened.py; a listener on loopback, which
the files name in their links, hears whoever connects.
"""

from __future__ import annotations

import re
import socket
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.server import opened
from benchmarks.server.figures import percentile
from benchmarks.server.hostile_files import REFUSED, HostileFile, hostile_files, quick, sound_files
from benchmarks.server.part import Claim, Part, Result, Size
from benchmarks.server.running import Running
from benchmarks.yardstick import markdown
from tests.sdf_fit.sketch.hostile_sketches import writer

HANG = 90.0  # seconds; the parser's own limit is 60
AT_A_TIME = 2
# Codes that say only that something broke, not what; and Python's own words, which help nobody with a sketch.
VAGUE = ("internal", "crashed")
PYTHON = re.compile(r"\b[A-Z]\w*(Error|Exception)\b")


class Listener:
    """Counts whoever connects to a port of this machine."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.heard = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            self.heard += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@dataclass
class Answer:
    """What one file came to. `code` "" where it was taken."""

    file: HostileFile
    status: int
    seconds: float
    code: str = ""
    message: str = ""
    faults: list[str] = field(default_factory=list)


def measure(size: Size, folder: Path) -> Result:
    """Every file's answer, and what was opened meanwhile."""
    outside, listener = folder / "outside.bin", Listener()
    outside.write_bytes(bytes(writer().binary))
    files = hostile_files(outside, listener.port, max(1, size.rounds))
    files = files if size.rounds else quick(files)
    traces = folder / "traces"
    with Running(folder / "data", prefix=opened.words(traces)) as server:
        for place in (server.data, server.data / "incoming", server.data / "uploads"):
            (place / outside.name).write_bytes(outside.read_bytes())  # what ../ would lead to
        server.wait_warm()
        seen: set[str] = set()
        sound = [_hand_in(server, HostileFile("sound", name, data)) for name, data in sound_files().items()]
        usual = opened.read(traces, seen)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            answers = list(pool.map(lambda file: _hand_in(server, file), files))
        again = _hand_in(server, HostileFile("sound", "after.obj", sound_files()["torus.obj"] + b"# again\n"))
        alive = server.alive() and server.get("/healthz")["ok"]
        left = sorted(path.name for path in (server.data / "incoming").iterdir() if path.name != outside.name)
        found = opened.read(traces, seen)
        listener.close()
        temporary = Path(tempfile.gettempdir())
        strays = opened.outside(found, usual, server.data, temporary) if server.prefix else []
    faults = [f"{each.file.name}: {fault}" for each in answers for fault in each.faults]
    return {
        "files": len(files),
        "kinds": _by_kind(answers),
        "codes": dict(Counter(each.code for each in answers if each.code).most_common()),
        "messages": {each.file.name: [each.code, each.message] for each in answers if each.code},
        "sound_taken": f"{sum(each.status in (200, 201) for each in sound)} of {len(sound)}",
        "server_alive": bool(alive) and again.status == 201 and not left,
        "left": left,
        "crashes": sum(each.status >= 500 or each.status == 0 or each.code in VAGUE for each in answers),
        "hangs": sum(each.seconds > HANG for each in answers),
        "unnamed": sum(bool(each.faults) for each in answers),
        "faults": faults[:40],
        "p50": percentile([each.seconds for each in answers], 50),
        "worst": max(each.seconds for each in answers),
        "watched": bool(server.prefix),
        "children": found.children,
        "outside": strays,
        "sockets": found.sockets[:5],
        "heard": listener.heard,
    }


def _hand_in(server: Running, file: HostileFile) -> Answer:
    """Uploads it, and looks at the answer."""
    began = time.monotonic()
    try:
        response = server.upload(file.name, file.data)
    except httpx2.HTTPError as error:
        return Answer(file, 0, time.monotonic() - began, faults=[f"no answer: {type(error).__name__} {error}"])
    answer = Answer(file, response.status_code, time.monotonic() - began)
    if response.status_code in (200, 201):
        if file.code:
            answer.faults.append(f"taken, wanted {file.code}")
        return answer
    body: Any = response.json()
    answer.code, answer.message = str(body.get("code", "")), str(body.get("message", ""))
    answer.faults += _what_is_missing(file, response.status_code, body)
    return answer


def _what_is_missing(file: HostileFile, status: int, body: dict[str, Any]) -> list[str]:
    """What an error should have said and did not."""
    faults = []
    if not 400 <= status < 500:
        faults.append(f"status {status}")
    if sorted(body) != ["code", "fix", "message"] or not all(body.values()):
        faults.append(f"no code, message and fix but {body}")
    if body.get("code") in VAGUE or PYTHON.search(str(body.get("message"))):
        faults.append(f"does not say what is wrong: {body}")
    if file.code not in ("", REFUSED, body.get("code")):
        faults.append(f"code {body.get('code')} wanted {file.code}: {body.get('message')}")
    return faults


def _by_kind(answers: list[Answer]) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: {"files": 0, "taken": 0, "refused": 0})
    for each in answers:
        kinds[each.file.kind]["files"] += 1
        kinds[each.file.kind]["refused" if each.code else "taken"] += 1
    return dict(kinds)


def claims(result: Result) -> list[Claim]:
    """The page's lines."""
    files, watched = f"{result['files']} hostile or broken files", result["watched"]
    unseen = "" if watched else " (no strace here: only the listener was watched)"
    return [
        Claim(f"{files}: crashes", "0", str(result["crashes"]), not result["crashes"] and result["server_alive"]),
        Claim(f"{files}: hangs", "0", str(result["hangs"]), not result["hangs"]),
        Claim(
            f"{files}: files read outside", "0", f"{len(result['outside'])}{unseen}",
            watched and not result["outside"],
        ),
        Claim(
            f"{files}: sockets opened", "0", f"{len(result['sockets']) + result['heard']}{unseen}",
            watched and not result["sockets"] and not result["heard"],
        ),
        Claim(f"{files}: errors that do not name what is wrong", "0", str(result["unnamed"]), not result["unnamed"]),
    ]  # fmt: skip


def section(result: Result) -> str:
    """The page's tables."""
    columns = ("files", "taken", "refused")
    kinds = [[kind, *(str(each[key]) for key in columns)] for kind, each in result["kinds"].items()]
    codes = ", ".join(f"{count} {code}" for code, count in result["codes"].items())
    table = markdown(["kind", *columns], kinds)
    watched = f"The kernel's record of {result['children']} parsing processes was read. " if result["watched"] else ""
    text = (
        f"{table}\n\n{watched}An answer took {result['p50']:.1f} s in the median and {result['worst']:.1f} s at worst, "
        f"two files at a time. The errors: {codes}. What a mutation left sound is taken; before and after them sound "
        f"files were taken ({result['sound_taken']})."
    )
    faults = "\n".join(f"- {fault}" for fault in [*result["faults"], *result["outside"], *result["sockets"]])
    return f"{text}\n\n{faults}".strip()


PART = Part(
    "Hostile files",
    lambda size: 15 + (0.75 * 100 * (size.rounds + 0.5) if size.rounds else 20),
    measure,
    claims,
    section,
)
