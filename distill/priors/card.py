"""Which card is a prior's: the one in its folder, where it holds one, else its family's."""

from __future__ import annotations

from pathlib import Path

from distill.card import PriorCard, read_card
from distill.priors.loading import PriorError


def choose_card(folder: Path, family: PriorCard) -> PriorCard:
    """The card in `prior.json`, or `family`. PriorError where the card wants more tokens than the encoders hold."""
    file = folder / "prior.json"
    if not file.is_file():
        return family
    card = read_card(file)
    if card.max_tokens > family.max_tokens:
        raise PriorError(f"{file}: max_tokens {card.max_tokens}, but the text encoder holds {family.max_tokens}")
    return card
