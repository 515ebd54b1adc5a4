"""The report of a batch: report.csv for programs, report.html for people, with the pictures beside it."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from realify.job.atomic import write_atomic
from server.client.batch.items import Item

COLUMNS = ("name", "sketch", "prompt", "preset", "seed", "state", "seconds", "job", "error")
HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif }}
  body {{ max-width: 75rem; margin: 2rem auto; padding: 0 1rem }}
  article {{ border-top: 1px solid #8886; padding: 1rem 0 }}
  h2 {{ margin: 0; font-size: 1.1rem }}
  img {{ max-width: 100%; height: auto; border-radius: .4rem }}
  .bad {{ color: light-dark(#b00020, #ff8a80) }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
"""


def write_report(items: Sequence[Item], out: Path, title: str) -> Path:
    """Writes both into `out`; returns the page's path."""
    write_atomic(out / "report.csv", _csv(items).encode("utf-8-sig"))  # the mark makes spreadsheets read UTF-8
    page = out / "report.html"
    write_atomic(page, _html(items, out, title).encode())
    return page


def summary(items: Sequence[Item]) -> str:
    """How many of each state, e.g. "7 done, 1 failed"."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.state] = counts.get(item.state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items(), key=lambda each: -each[1]))


def _csv(items: Sequence[Item]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in items:
        row = {**vars(item), "seconds": "" if item.seconds is None else f"{item.seconds:.1f}"}
        writer.writerow([_plain(row[column]) for column in COLUMNS])
    return text.getvalue()


def _plain(value: object) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _html(items: Sequence[Item], out: Path, title: str) -> str:
    head = HEAD.format(title=html.escape(title), summary=html.escape(summary(items)))
    return head + "\n".join(_article(item, out) for item in items) + "\n</html>\n"


def _article(item: Item, out: Path) -> str:
    """One job; addresses are relative, so that the folder can be moved."""
    took = f", {item.seconds:.0f} s" if item.seconds is not None else ""
    good = item.state == "done"
    lines = [
        "<article>",
        f"<h2>{html.escape(item.name)}</h2>",
        f"<p>{html.escape(item.prompt)} <small>({html.escape(item.preset)})</small></p>",
        f'<p class="{"good" if good else "bad"}">{html.escape(item.state + took)}</p>',
    ]
    if item.error:
        lines.append(f'<p class="bad">{html.escape(item.error)}</p>')
    if good and (out / f"{item.name}.png").exists():
        alt = html.escape(f"{item.name}: the sketch and the result", quote=True)
        lines.append(f'<img loading="lazy" src="{quote(item.name)}.png" alt="{alt}">')
    if good:
        lines.append(f'<p><a href="{quote(item.name)}.glb">{html.escape(item.name)}.glb</a></p>')
    return "\n".join([*lines, "</article>"])
