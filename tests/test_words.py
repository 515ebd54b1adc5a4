"""What the sources say in words fits every door, and points at pages that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A line that is a command to be typed may have options; and pages of the paper's or other projects' are none of ours.
COMMAND = re.compile(r"^\s*(pip install|realify |hf |python )|`[^`]*`| -f https")
OTHERS = {"data", "out", "dist", "build"}
TEXTS = ("", ".css", ".html", ".js", ".md", ".mjs", ".plist", ".py", ".service", ".sql", ".toml", ".txt", ".yaml")
PAGE = re.compile(r"[\w./-]*[\w-]\.md\b")


def tracked(*patterns: str) -> list[Path]:
    """The repository's own files: what tools leave in it has a dot before its name, or lies in OTHERS."""
    tops = [path for path in ROOT.iterdir() if path.name[0] != "." and path.name not in OTHERS]
    inner = [path for top in tops if top.is_dir() for path in top.rglob("*")]
    files = [path.relative_to(ROOT) for path in sorted((*tops, *inner)) if path.is_file()]
    own = [path for path in files if not {"node_modules", "__pycache__"} & set(path.parts)]
    return [ROOT / path for path in own if not patterns or any(path.match(each) for each in patterns)]


def texts(path: Path) -> list[str]:
    """The string literals of a module but its docstrings, line by line; pieces of an f-string apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False)
        for node in [node]
        if isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [line for node in constants if isinstance(node.value, str) for line in node.value.splitlines()]


@pytest.mark.parametrize("package", ["sdf_fit", "distill"])
def test_errors_below_the_doors_name_settings_and_no_options(package: str) -> None:
    """Blender's and HTTP's users read them, too."""
    sources = [path for path in tracked("*.py") if path.is_relative_to(ROOT / package) and path.name != "rules_page.py"]
    assert len(sources) > 20
    said = [(path.name, line) for path in sources for line in texts(path) if not COMMAND.search(line)]
    # what locate.py adds to a command that it builds begins with a blank
    wrong = [(name, line) for name, line in said if re.search(r"--[a-z]", line) and name != "locate.py"]
    assert not wrong


def _is_there(page: str, source: Path, pages: set[str]) -> bool:
    """By its path from the root or from the source itself. Within quotes and in links its folder may be left out: the
    program or the link has it."""
    if (ROOT / page).is_file() or (source.parent / page).is_file():
        return True
    text = source.read_text(encoding="utf-8")
    is_part = any(part in text for part in (f'"{page}"', f"[{page}](", f"]({page})"))
    return is_part and any(f"/{each}".endswith(f"/{page}") for each in pages)


def test_pages_that_sources_name_are_there() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in tracked("*.md")}
    sources = [path for path in tracked() if path.suffix in TEXTS and path != Path(__file__)]
    assert len(sources) > 500
    missing = [
        f"{path.relative_to(ROOT)}: {page}"
        for path in sources
        for page in PAGE.findall(path.read_text(encoding="utf-8"))
        if not page.startswith("//") and not _is_there(page, path, pages)
    ]
    assert not missing
