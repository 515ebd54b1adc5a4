"""What a diffusion prior brings along: its words, its cameras and its own defaults, as values.

A prior's folder may hold a `prior.json`; without one it is taken for a member of the Stable Diffusion family.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from distill.schedule import TimestepRange, TimestepSchedule

View = Literal["front", "side", "back", "overhead", "close_up"]
Part = Literal["background", "view", "suffix"]
Color = tuple[float, float, float]

TARGET_SUFFIX = ", detailed high resolution, high quality, sharp"
SOURCE_SUFFIX = (
    ", oversaturated, smooth, pixelated, cartoon, foggy, hazy, blurry, bad structure, noisy, malformed"
)
# NFSD's own (arXiv 2310.17590); the bridge's paper quotes its beginning.
NEGATIVE_PROMPT = (
    "unrealistic, blurry, low quality, out of focus, ugly, low contrast, dull, dark, low-resolution, gloomy"
)
PLAIN_VIEWS: Mapping[View, str] = {
    "front": "front view",
    "side": "side view",
    "back": "back view",
    "overhead": "overhead view",
}


# Constants of `PriorDefaults` that a card may leave out.
OPTIONAL_DEFAULTS = ("guide", "sampling_eta", "sample_steps", "sample_t_max", "picture_steps", "picture_lr", "rules")


# At which share of full scale a photograph shows white: a meter puts a surface that reflects 18 % at 12.7 % (ISO 2720).
METERED = 0.7


@dataclass(frozen=True)
class PriorCameras:
    """Cameras that the prior has seen. Degrees; distances in units of the object's bounding radius."""

    fovy: float
    distance: tuple[float, float]
    close_up_distance: tuple[float, float]
    elevation: tuple[float, float]


@dataclass(frozen=True)
class PriorDefaults:
    """Constants of the two stages that suit the prior; by default the paper's for Stable Diffusion in 3D.

    `bridge_lr_scale` is the second stage's learning rate as a share of the first's: Adam normalises its
    gradient and does not feel `bridge_weight`, and the bridge has no mode to stop at. `keep_colors` says how
    firmly to hold to the colours that were there before: a large prior knows better, a small one forgets
    them. `guide` in 0..1 says how firmly a prior that is shown a guide is held to it. After the two stages come
    `sample_steps` of synchronised sampling from the diffusion time `sample_t_max` on; it shows what the prior draws,
    so it is for those that draw well (0: none). `sampling_eta` is DDIM's: 0, or up to 1 for a young prior, whose
    errors are forgotten with the noise that is drawn anew. In 2D a picture takes `picture_steps` of `picture_lr`;
    `rules` are constants of rules there, by name (distill/rules/registry.py has the paper's).
    """

    sds_guidance_scale: float = 100.0
    bridge_weight: float = 1.0
    bridge_lr_scale: float = 1.0
    keep_colors: float = 0.0
    guide: float = 1.0
    sampling_guidance_scale: float = 7.5
    sampling_eta: float = 0.0
    sample_steps: int = 0
    sample_t_max: float = 0.6
    sds_timesteps: TimestepSchedule = field(default_factory=TimestepSchedule)
    bridge_timesteps: TimestepSchedule = field(default_factory=lambda: TimestepSchedule(narrow_from=0.0))
    picture_steps: int = 2500
    picture_lr: float = 0.01
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class PriorCard:
    """How prompts are written for a prior, and at what size and from where it likes to see an object.

    `order` says how the parts follow the user's words; `backgrounds` maps a name to its sRGB colour (empty:
    the prior has no words for backgrounds); `words` are those it has learnt, by sort ("objects", "colors",
    "materials", "details"; empty: it knows the world). `exposure` is the share of full scale at which its photographs
    show white: under brighter light distillation would darken the base colour to match.
    """

    resolution: int
    max_tokens: int
    prefix: str = ""
    order: tuple[Part, ...] = ("background", "suffix", "view")
    views: Mapping[View, str] = field(default_factory=lambda: dict(PLAIN_VIEWS))
    backgrounds: Mapping[str, Color] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target_suffix: str = TARGET_SUFFIX
    source_suffix: str = SOURCE_SUFFIX
    negative_prompt: str = NEGATIVE_PROMPT
    exposure: float = METERED
    cameras: PriorCameras | None = None
    defaults: PriorDefaults = field(default_factory=PriorDefaults)

    @property
    def objects(self) -> tuple[str, ...]:
        """The nouns it has learnt."""
        return self.words.get("objects", ())


def read_card(path: Path) -> PriorCard:
    """The card in a `prior.json`. Raises ValueError naming the file and what is wrong."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return PriorCard(
            resolution=int(card["resolution"]),
            max_tokens=int(card["max_tokens"]),
            prefix=card["prefix"],
            order=tuple(card["order"]),
            views=card["views"],
            backgrounds={name: (r, g, b) for name, (r, g, b) in card["backgrounds"].items()},
            words={sort: tuple(words) for sort, words in card["words"].items()},
            target_suffix=card["target_suffix"],
            source_suffix=card["source_suffix"],
            negative_prompt=card.get("negative_prompt", NEGATIVE_PROMPT),
            exposure=float(card.get("exposure", METERED)),
            cameras=_cameras(card["cameras"]),
            defaults=_defaults(card["defaults"]),
        )
    except KeyError as missing:
        raise ValueError(
            f"{path}: the field {missing} is missing; see distill/card.py for what it holds"
        ) from None
    except (TypeError, ValueError, AttributeError) as wrong:
        raise ValueError(
            f"{path}: not a prior's card ({wrong}); see distill/card.py for what it holds"
        ) from wrong


def _cameras(card: dict[str, Any]) -> PriorCameras:
    def pair(key: str) -> tuple[float, float]:
        low, high = card[key]
        return float(low), float(high)

    return PriorCameras(
        fovy=float(card["fovy_degrees"]),
        distance=pair("distance"),
        close_up_distance=pair("close_up_distance"),
        elevation=pair("elevation_degrees"),
    )


def _defaults(card: dict[str, Any]) -> PriorDefaults:
    def timesteps(key: str) -> TimestepSchedule:
        entry = card[key]
        return TimestepSchedule(
            TimestepRange(*entry["first"]), TimestepRange(*entry["later"]), float(entry["narrow_from"])
        )

    return PriorDefaults(
        sds_guidance_scale=float(card["sds_guidance_scale"]),
        bridge_weight=float(card["bridge_weight"]),
        bridge_lr_scale=float(card["bridge_lr_scale"]),
        keep_colors=float(card["keep_colors"]),
        sampling_guidance_scale=float(card["sampling_guidance_scale"]),
        sds_timesteps=timesteps("sds_timesteps"),
        bridge_timesteps=timesteps("bridge_timesteps"),
        **{key: card[key] for key in OPTIONAL_DEFAULTS if key in card},
    )
