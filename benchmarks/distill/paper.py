"""The paper's own figures (arXiv 2406.09417, tables 1 and 3), and where ours put two methods in the same order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.estimate import Estimate

# FID on 5,000 captions of COCO, Stable Diffusion 2.1 base: lower is better.
FID: Mapping[str, float] = {
    "ddim": 49.12, "vsd": 59.22, "bridge": 67.89, "sds": 86.02, "csd": 89.96, "nfsd": 91.70,
    "full-path-unconditional": 63.31, "full-path": 60.07, "full-path-lora": 55.65,
}  # fmt: skip
MINUTES: Mapping[str, float] = {"ddim": 0.05, "sds": 4.48, "nfsd": 7.20, "csd": 6.21, "vsd": 16.02, "bridge": 4.48}
# Appendix B.3: five other sets of descriptors for the source, word for word.
DESCRIPTORS = (
    ", washed out, grainy, distorted, flat, smeared, overexposed, undefined, choppy, glitchy, dull",
    ", low contrast, jumbled, faint, abstract, over-sharpened, muddy, cluttered, vague, jagged, poor detail",
    ", soft focus, muffled, streaky, patchy, ghosted, murky, unbalanced, skewed, mismatched, overcrowded",
    ", overbright, scrambled, bleary, blocky, misshapen, uneven, fragmented, obscured, chaotic, messy",
    ", dull tones, compressed, smeary, out of focus, unrefined, lopsided, erratic, irregular, spotty, stark",
)

Outcome = Literal["holds", "is reversed", "is undecided"]
SURE = 2.0  # standard errors


@dataclass(frozen=True)
class Order:
    """Two methods, the paper's better one first; `ours`: how much nearer to the references ours has it, in squared
    MMD (above 0: the paper's order)."""

    better: str
    worse: str
    fid: tuple[float, float]
    ours: Estimate

    @property
    def outcome(self) -> Outcome:
        if abs(self.ours.mean) <= SURE * self.ours.error:
            return "is undecided"
        return "holds" if self.ours.mean > 0 else "is reversed"


def ranked_pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of methods that the paper has a figure of, its better one first."""
    known = sorted((name for name in methods if name in FID), key=lambda name: FID[name])
    return list(itertools.combinations(known, 2))


def paragraph(orders: Sequence[Order], titles: Mapping[str, str]) -> str:
    """Where the paper's order holds and where not, with our differences."""
    if not orders:
        return "No two methods were made."
    sentences = []
    outcomes: tuple[Outcome, ...] = ("holds", "is reversed", "is undecided")
    for outcome in outcomes:
        which = [order for order in orders if order.outcome == outcome]
        if which:
            told = "; ".join(
                f"{titles[order.better]} before {titles[order.worse]} (FID {order.fid[0]:g} against {order.fid[1]:g}; "
                f"ours {order.ours.mean:+.3f} ± {order.ours.error:.3f})"
                for order in which
            )
            sentences.append(f"The paper's order **{outcome}** in {len(which)} of {len(orders)} pairs: {told}.")
    return " ".join(sentences)
