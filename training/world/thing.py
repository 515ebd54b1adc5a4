"""What a kind of object makes: a model and the words that are true of it."""

from dataclasses import dataclass

from training.world.model import Model

GROUNDS = ("grass", "table", "floor", "marble", "stone", "soil", "snow", "moss", "sand", "water", "plain", "none")


@dataclass
class Thing:
    kind: str  # the key in KINDS
    phrase: str  # "a red mushroom with white spots"
    model: Model
    color: str | None = None  # the colour word that leads the phrase
    material: str | None = None  # the material word, if the phrase has one
    grounds: tuple[str, ...] = ("plain", "none")  # where it may stand, out of GROUNDS, repeated for the more likely


def article(words: str) -> str:
    """'a mug', 'an apple'."""
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"
