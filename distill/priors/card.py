"""A prior's style: its card, where the folder holds one, else its family's."""

from __future__ import annotations

from pathlib import Path

from distill.card import PromptStyle, read_style
from distill.priors.loading import PriorError


def choose_style(folder: Path, family: PromptStyle) -> PromptStyle:
    """The style in `prior.json`, or `family`. PriorError where the card wants more tokens than the encoders hold."""
    card = folder / "prior.json"
    if not card.is_file():
        return family
    style = read_style(card)
    if style.max_tokens > family.max_tokens:
        raise PriorError(f"{card}: max_tokens {style.max_tokens}, but the text encoder holds {family.max_tokens}")
    return style
