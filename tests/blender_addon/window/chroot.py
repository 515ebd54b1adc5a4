"""Programs of the Debian that make_folder.sh made, with this checkout seen from within at the same paths."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# /tmp holds the X server's socket; the base of the virtual environment is this Python itself.
SEEN = ("/proc", "/dev", "/sys", "/tmp", str(ROOT), sys.base_prefix)


@dataclass(frozen=True)
class Chroot:
    """`folder` is the Debian; `environment` is all that its programs get."""

    folder: Path
    environment: dict[str, str]

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """The process, which is the command itself: killing it kills no shell. What it prints goes into `log`."""
        pairs = [(shlex.quote(path), shlex.quote(f"{self.folder}{path}")) for path in SEEN]
        mounts = [f"mkdir -p {within} && mount --rbind {path} {within}" for path, within in pairs]
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        inner = shlex.join(["chroot", str(self.folder), "/usr/bin/env", "-i", *variables, *command])
        # A mount namespace of its own: the mounts end with the process, whatever ends it
        script = " && ".join([*mounts, f"exec {inner}"])
        with log.open("ab") as words:
            return subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
            )

    def run(self, command: list[str], log: Path, timeout: float = 300.0) -> None:
        """Waits for it. Raises RuntimeError with the end of the log unless it ends well."""
        process = self.start(command, log)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        if code:
            raise RuntimeError(f"{shlex.join(command)} ended with {code}:\n{tail(log)}")


def tail(log: Path) -> str:
    """The end of what was printed."""
    return log.read_text(encoding="utf-8", errors="replace")[-4000:]
