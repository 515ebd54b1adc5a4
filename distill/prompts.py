"""Prompts: the one function that builds target and source, and the table of all that a job can need.

A prompt is the user's words, then background, view, and quality words (target) or the fixed descriptors of
what a picture under distillation looks like (source; section 3.4 of arXiv 2406.09417), in the order that the
prior is used to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from distill.card import Part, PriorCard
from distill.prior import Prior
from distill.rules.rule import PromptBatch

FRONT_WITHIN = 45.0  # degrees of azimuth either side of front and back
OVERHEAD_ABOVE = 60.0  # degrees of elevation

# Dropped from the source wherever they stand; the second set only as a comma-separated piece of its own,
# because "a sharp knife" is not about quality.
QUALITY_PHRASES = (
    "detailed high resolution", "high resolution", "high quality", "best quality", "highly detailed",
    "ultra detailed", "extremely detailed", "sharp focus", "4k", "8k", "uhd", "hdr",
)  # fmt: skip
QUALITY_PIECES = set(
    ["sharp", "detailed", "hd", "realistic", "photorealistic", "masterpiece", "professional", "crisp"]
)

_PHOTO = re.compile(
    r"^(an?\s+|the\s+)?(\w+\s+)?(photo|photograph|picture|image|render|rendering|painting)\s+of\b", re.I
)
_QUALITY = re.compile(r"\b(" + "|".join(re.escape(phrase) for phrase in QUALITY_PHRASES) + r")\b", re.I)


class PromptError(ValueError):
    """A prompt that cannot be used, with the reason and the remedy."""


@dataclass(frozen=True)
class PromptPair:
    """Target and source prompt of one view, and the user's words that found no room."""

    target: str
    source: str
    cut: tuple[str, ...] = ()


def view_word(card: PriorCard, azimuth: float, elevation: float, close_up: bool = False) -> str:
    """The card's word for a camera, in degrees: azimuth 0 = front, elevation up."""
    if close_up and "close_up" in card.views:
        return card.views["close_up"]
    if elevation > OVERHEAD_ABOVE:
        return card.views["overhead"]
    from_front = abs((azimuth + 180.0) % 360.0 - 180.0)
    if from_front <= FRONT_WITHIN:
        return card.views["front"]
    return card.views["back"] if from_front >= 180.0 - FRONT_WITHIN else card.views["side"]


def build_prompts(
    prior: Prior, prompt: str, view: str | None = None, background: str | None = None, domain: str = ""
) -> PromptPair:
    """Target and source for the user's prompt, a view word and a background's name (each may be left out).

    `domain` is what an edited picture is ("painting"), for the source alone. Over the token limit words of
    the user's are cut from the end, from both prompts alike; nothing else ever is. Raises PromptError when
    nothing of the user's would be left or the two prompts are one and the same to the prior, ValueError for
    an unknown background.
    """
    words = prompt.split()
    if not words:
        raise PromptError('the prompt is empty: say what the sketch shows, as in "a photo of a red mushroom"')
    phrase = background_phrase(prior.card, background)
    for kept in range(len(words), 0, -1):
        user = " ".join(words[:kept]).rstrip(",") or words[0]
        target = _assemble(prior.card, user, phrase, view, prior.card.target_suffix)
        source_suffix = prior.card.source_suffix + (f", {domain}" if domain else "")
        source = _assemble(prior.card, without_quality(user), phrase, view, source_suffix)
        tokens = prior.tokenize(target), prior.tokenize(source)
        if max(map(len, tokens)) <= prior.card.max_tokens:
            if tokens[0] == tokens[1]:
                raise PromptError(
                    f"the prior {prior.name} reads {target!r} and {source!r} as the same tokens, so "
                    "their bridge is zero: give the prior's card other descriptors"
                )
            return PromptPair(target, source, tuple(words[kept:]))
    raise PromptError(
        f"no word of {prompt!r} fits into the {prior.card.max_tokens} tokens of the prior {prior.name} "
        "beside its view words and descriptors: use shorter words"
    )


def background_phrase(card: PriorCard, background: str | None) -> str | None:
    """ "grey background" for "grey"; None where no background is named or the prior has no words for them."""
    if background is None or not card.backgrounds:
        return None
    if background not in card.backgrounds:
        raise ValueError(f"background {background!r} is none of {', '.join(sorted(card.backgrounds))}")
    return f"{background} background"


def without_quality(prompt: str) -> str:
    """The prompt without words that praise a picture; the prompt itself if nothing else would remain."""
    pieces = [re.sub(r"\s+", " ", _QUALITY.sub("", piece)).strip() for piece in prompt.split(",")]
    kept = [piece for piece in pieces if piece and piece.lower() not in QUALITY_PIECES]
    return ", ".join(kept) or prompt


def _assemble(card: PriorCard, user: str, background: str | None, view: str | None, suffix: str) -> str:
    text = user if _PHOTO.match(user) else card.prefix + user
    parts: dict[Part, str] = {
        "background": f", {background}" if background else "",
        "view": f", {view}" if view else "",
        "suffix": suffix,
    }
    return text + "".join(parts[part] for part in card.order)


def unknown_object(card: PriorCard, prompt: str) -> str | None:
    """A warning when the prior names the objects it has learnt and the prompt holds none of them."""
    words = re.findall(r"[a-z]+", prompt.lower())
    known = set(card.objects)
    if not known or any(word in known or word.removesuffix("s") in known for word in words):
        return None
    return (
        f"this prior has not learnt what {prompt!r} shows, so expect colours at best; it knows "
        f"{', '.join(card.objects)}. A larger prior (prior.name, a repository or a folder) knows more."
    )


class PromptTable:
    """Every prompt of a job, embedded once: all views by all backgrounds (and none), target and source.

    Building it frees the prior's text encoder. `embeds` holds all rows, at the end the unconditional and the
    negative one; `warnings` names words that were cut and a prompt that the prior does not know.
    """

    def __init__(self, prior: Prior, prompt: str, domain: str = "") -> None:
        card = prior.card
        self._card = card
        self.pairs: dict[tuple[str | None, str | None], PromptPair] = {
            (view, background): build_prompts(prior, prompt, view, background, domain)
            for view in (None, *card.views.values())
            for background in (None, *card.backgrounds)
        }
        texts = [text for pair in self.pairs.values() for text in (pair.target, pair.source)]
        self.embeds = prior.embed([*texts, "", card.negative_prompt])
        prior.free_text_encoder()
        self._rows = {key: 2 * row for row, key in enumerate(self.pairs)}
        self.unconditional = len(texts)
        self.warnings = self._warnings(prior, prompt)

    def lookup(self, view: str | None, background: str | None) -> tuple[int, int, int]:
        """Rows of `embeds`: target, source, unconditional."""
        if not self._card.backgrounds:
            background = None
        if (view, background) not in self._rows:
            known = f"{', '.join(self._card.views.values())} and {', '.join(self._card.backgrounds)}"
            raise KeyError(
                f"no prompt for view {view!r} on background {background!r}; the prior knows {known}"
            )
        row = self._rows[view, background]
        return row, row + 1, self.unconditional

    def batch(self, views: Sequence[str | None], backgrounds: Sequence[str | None]) -> PromptBatch:
        """The embedded prompts of B pictures, one view word and one background name (or None) each."""
        rows = [self.lookup(view, background) for view, background in zip(views, backgrounds, strict=True)]
        target, source, unconditional = (self.embeds[list(column)] for column in zip(*rows, strict=True))
        return PromptBatch(target, source, unconditional, self.embeds[[self.unconditional + 1] * len(rows)])

    def _warnings(self, prior: Prior, prompt: str) -> tuple[str, ...]:
        longest = max((pair.cut for pair in self.pairs.values()), key=len)
        told = words_cut(prior, longest), unknown_object(prior.card, prompt)
        return tuple(warning for warning in told if warning)


def words_cut(prior: Prior, cut: Sequence[str]) -> str | None:
    """A warning that names the user's words that found no room."""
    if not cut:
        return None
    return (
        f"the prompt is over the {prior.card.max_tokens} tokens of the prior {prior.name}; "
        f"not read: {' '.join(cut)}"
    )


def embed_pairs(prior: Prior, pairs: Sequence[PromptPair]) -> PromptBatch:
    """The embedded prompts of B pictures, each with a pair of its own."""
    count = len(pairs)
    texts = [pair.target for pair in pairs] + [pair.source for pair in pairs]
    embeds = prior.embed([*texts, "", prior.card.negative_prompt])
    empty, negative = embeds[[2 * count] * count], embeds[[2 * count + 1] * count]
    return PromptBatch(embeds[:count], embeds[count : 2 * count], empty, negative)
