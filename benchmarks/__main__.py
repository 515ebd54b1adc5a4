"""`python -m benchmarks` makes every figure the project claims and writes benchmarks/RESULTS.md.

`python -m benchmarks extraction …` only prints the named ones. Each benchmark is a module that prints
markdown tables when it is run, with a yardstick in every table, and has a process of its own.
"""

from __future__ import annotations

import ast
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MODULES = (
    "rendering", "extraction", "fitting", "step", "main_job", "sds_against_bridge", "color_field", "distill_speed",
)  # fmt: skip


def run(name: str) -> str:
    """A benchmark's heading and tables. Raises CalledProcessError if it fails."""
    source = (HERE / f"{name}.py").read_text(encoding="utf-8")
    summary = (ast.get_docstring(ast.parse(source)) or "").split("`python")[0]
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True)
    return f"## {name}\n\n{' '.join(summary.split()).rstrip(' :')}\n\n{done.stdout.strip()}\n"


def processor() -> str:
    """The processor's name as its maker calls it."""
    if sys.platform == "darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def head() -> str:
    """What the figures were made on, and when."""
    day = datetime.date.today().isoformat()
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return (
        "# Results\n\n"
        f"Made by `make bench` on {day}: {machine}.\n\n"
        "Processors differ and may be shared, so every table has a yardstick: the time of a 1024³ float32 "
        "matrix product in the same run.\n"
    )


def main(names: list[str]) -> None:
    """Prints each named benchmark as it is done; all of them also go into RESULTS.md."""
    unknown = sorted(set(names) - set(MODULES))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(MODULES)}")
    sections = [head()]
    for name in names or MODULES:
        sections.append(run(name))
        print(sections[-1], flush=True)
    if not names:
        (HERE / "RESULTS.md").write_text("\n".join(sections), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
