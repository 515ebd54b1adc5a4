"""Refuses checkpoints whose guidance or steps were distilled away: their predictions are no scores."""

from __future__ import annotations

from pathlib import Path


def refuse_distilled(folder: Path, name: str) -> None:
    """PriorError, with the reason, for a guidance-distilled or few-step checkpoint."""
