"""The extension in a real window: `make test-gui`.

A Blender of Debian's (make_folder.sh; 2 GB, once) under an X server without a screen. The zip is built and validated
by Blender's own commands and installed by them; then stories are told: Blender moves its own mouse, finds the buttons,
and clicks on them. What is seen goes into docs/images/blender-*.png, how long the window was away into
docs/blender-figures.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.blender_addon.window import figures, screen
from tests.blender_addon.window.chroot import ROOT, Chroot, tail
from tests.server.running import Server, start_server, wait_for

HERE = Path(__file__).parent
PICTURES = ROOT / "docs" / "images"
HOME = "/home/artist"  # in the Debian; the preferences' picture shows it
SCREEN = (1600, 1000)  # pixels
PATIENCE = 1800.0  # seconds a story
MOST = 100.0  # milliseconds that a call of the extension's may take


@dataclass(frozen=True)
class Story:
    """`pipeline` is its server's; none: it starts a real server itself, by the panel's button. `size` of the window:
    a small one where drawing, which is slow without a GPU, would hide what is measured."""

    pipeline: str | None = None
    size: tuple[int, int] = SCREEN


STORIES = {
    "first_use": Story(),
    "troubles": Story("tests.server.fake_pipeline:run"),
    "freeze": Story("tests.blender_addon.window.heavy:run", (1000, 640)),
}


def main() -> int:
    """0 when all stories ended well."""
    parser = argparse.ArgumentParser(description="The Blender extension in a real window.")
    parser.add_argument("stories", nargs="*", metavar="STORY", help=f"of {', '.join(STORIES)} (all)")
    parser.add_argument("--suite", default="sid", help="Debian's suite that Blender is taken from (sid)")
    options = parser.parse_args()
    if unknown := set(options.stories) - set(STORIES):
        parser.error(f"there is no story {', '.join(unknown)}; there are {', '.join(STORIES)}")
    folder = ROOT / "data" / "window" / options.suite
    subprocess.run(["sh", str(HERE / "make_folder.sh"), str(folder), options.suite], check=True)
    work = ROOT / "data" / "window" / f"{options.suite}-run"
    shutil.rmtree(work, ignore_errors=True)
    chroot = prepare(folder, work)
    answers = {}
    with x_server(chroot, work) as display:
        chroot.environment["DISPLAY"] = display
        for story in options.stories or STORIES:
            print(f"{story} …", flush=True)
            answers[story] = tell(chroot, work, story)
            print(json.dumps(answers[story], indent=1))
    return report(answers, work)


def prepare(folder: Path, work: Path, addon: Path = ROOT / "blender_addon") -> Chroot:
    """A fresh home with the extension installed in it, by the commands that users have."""
    (work / "shots").mkdir(parents=True)
    shutil.rmtree(f"{folder}{HOME}", ignore_errors=True)
    os.makedirs(f"{folder}{HOME}")
    environment = {
        "PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin",  # so that the button finds `realify`
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "REALIFY_DATA": str(work / "realify"),
        "REALIFY_RESERVE": "0",
        "OMP_NUM_THREADS": "1",
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    chroot = Chroot(folder, environment)
    source, zip_file = str(addon), str(work / "realify.zip")
    command = ["blender", "--command", "extension"]
    log = work / "install.log"
    chroot.run([*command, "build", "--source-dir", source, "--output-filepath", zip_file], log)
    chroot.run([*command, "validate", zip_file], log)
    chroot.run([*command, "install-file", "--repo", "user_default", "--enable", zip_file], log)
    return chroot


@contextlib.contextmanager
def x_server(chroot: Chroot, work: Path) -> Iterator[str]:
    """Its display. It draws into the file WORK/Xvfb_screen0."""
    log = work / "xvfb.log"
    command = ["Xvfb", "-displayfd", "1", "-fbdir", str(work), "-screen", "0", "{}x{}x24".format(*SCREEN)]
    process = chroot.start([*command, "-nolisten", "tcp", "-nocursor"], log)

    def number() -> str | None:
        return next((line for line in log.read_text(encoding="utf-8").splitlines() if line.isdigit()), None)

    try:
        yield f":{wait_for(number, 'X server', 20)}"
    finally:
        process.terminate()
        process.wait()


def tell(chroot: Chroot, work: Path, story: str) -> dict[str, Any]:
    """One story in a Blender of its own: {"problem", "told", "spans", "blender"}."""
    pipeline, size = STORIES[story].pipeline, STORIES[story].size
    server = start_server(work / f"server-{story}", pipeline=pipeline) if pipeline else None
    request, answer, log = (work / f"{story}.{end}" for end in ("request.json", "answer.json", "log"))
    told = {"url": server.url, "token": server.token, "pid": server.process.pid} if server else None
    request.write_text(json.dumps({
        "story": story, "root": str(ROOT), "framebuffer": str(work / "Xvfb_screen0"),
        "shots": str(work / "shots"), "answer": str(answer), "server": told,
    }), encoding="utf-8")  # fmt: skip
    command = ["blender", "--enable-event-simulate", "--window-geometry", "0", "0", *map(str, size), "--python"]
    process = chroot.start([*command, str(HERE / "within" / "main.py"), "--", str(request)], log)
    try:
        code: int | str = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        code = f"nothing after {PATIENCE:.0f} s"
    finally:
        process.kill()
        stop_servers(server, work / "realify")
    if not answer.is_file():
        return {"problem": f"Blender ended with {code}:\n{tail(log)}", "told": {}, "spans": [], "blender": ""}
    return json.loads(answer.read_text(encoding="utf-8"))


def stop_servers(server: Server | None, data: Path) -> None:
    """The story's own, and the one that it started by the button."""
    if server is not None and server.process.poll() is None:
        server.stop()
    about = data / "server.json"
    if about.is_file():
        os.kill(json.loads(about.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
        wait_for(lambda: not about.is_file(), "end of the server")


def report(answers: dict[str, dict[str, Any]], work: Path) -> int:
    """Writes pictures and figures; says what went wrong."""
    for shot in sorted((work / "shots").glob("*.xwd")):
        screen.keep(screen.read(shot), shot.with_suffix(".png"))
    problems = {story: answer["problem"] for story, answer in answers.items() if answer["problem"]}
    for story, problem in problems.items():
        print(f"{story}:\n{problem}\nIts log is {work / story}.log, what was seen {work}/shots", file=sys.stderr)
    if problems:
        return 1
    for answer in answers.values():
        for name, cut in answer["told"].get("pictures", {}).items():
            picture = screen.read(work / "shots" / f"{name}.xwd").crop(cut["crop"])
            screen.keep(screen.without_ground(picture) if cut["trim"] else picture, PICTURES / f"blender-{name}.png")
    return report_freeze(answers["freeze"]) if "freeze" in answers else 0


def report_freeze(answer: dict[str, Any]) -> int:
    """The figures; and 1 where the extension held the window too long."""
    figures.write(answer, time.strftime("%Y-%m-%d"))
    long = [span for span in answer["spans"] if span["longest_call"] > MOST]
    for span in long:
        print(f"{span['where']} held the window for {span['longest_call']:.0f} ms: {span['name']}", file=sys.stderr)
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
