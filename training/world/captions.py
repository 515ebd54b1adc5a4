"""The grammar of the captions: a medium, what is seen, what is around it, and from where.

    a photo of a red mushroom with white spots on moss, blue sky, side view
    └ medium ┘ └ phrase ────────────────────┘└ surroundings ──┘  └ view ──┘

Quality words and the names of artefacts are put behind it by whoever alters the picture.
"""

from __future__ import annotations

VIEWS = ("front view", "side view", "back view", "overhead view", "close-up")
PHOTO = "a photo of"


def caption(phrase: str, view: str = "", surroundings: str = "", medium: str = PHOTO) -> str:
    """The sentence for a picture; what is left empty goes unsaid.

    `surroundings` begin with a blank or a comma, as in " on grass, blue sky" and ", white background".
    """
    words = f"{medium} {phrase}" if medium else phrase
    return f"{words}{surroundings}, {view}" if view else f"{words}{surroundings}"


def wordings(phrase: str, view: str, surroundings: str = "", medium: str = PHOTO) -> tuple[str, ...]:
    """The whole caption and its shorter variants, longest first, each once."""
    forms = (
        caption(phrase, view, surroundings, medium),
        caption(phrase, "", surroundings, medium),
        caption(phrase, view, "", medium),
        caption(phrase, "", "", medium),
        caption(phrase, view, "", ""),
        caption(phrase, "", surroundings, ""),
    )
    return tuple(dict.fromkeys(forms))
