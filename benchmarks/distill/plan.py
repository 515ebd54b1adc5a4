"""How much is made, and the arms of each table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.distill.cells import Arm
from benchmarks.distill.methods import (
    DDIM,
    FULL,
    SINGLE,
    How,
    Sampling,
    Tuning,
    full_path,
    shipped,
    single,
    without_first_stage,
)
from benchmarks.distill.paper import DESCRIPTORS
from benchmarks.distill.subjects import FOR_THE_SWEEP, Subject, pairs_of
from benchmarks.distill.sweep import points
from distill.prior import Prior

SWEEP_STARTS = 5000  # places of the sweep's captions among the starts, away from the others
NO_FIRST_STAGE = "no first stage"
SHIPPED = "the prior's own constants"
SETS = [f"descriptors {i}" for i in range(1, len(DESCRIPTORS) + 1)]


@dataclass(frozen=True)
class Size:
    """Captions × seeds and steps of table 1 (table 3: `full_captions`, the ablations: `ablated`, one seed each); the
    sweep's captions; learning rates of the sweep; pictures of a cell; steps along a full path in each direction."""

    captions: int
    seeds: int
    steps: int
    lrs: tuple[float, ...]
    full_captions: int
    ablated: int
    swept: int = FOR_THE_SWEEP
    batch: int = 8
    sampling_steps: int = 20
    path_steps: int = 10


# Around the paper's learning rate; fewer steps need a larger one to get anywhere.
CUDA = Size(captions=128, seeds=3, steps=2500, lrs=(0.005, 0.01, 0.02), full_captions=32, ablated=128, batch=32)
CPU = Size(captions=32, seeds=2, steps=200, lrs=(0.02, 0.04), full_captions=8, ablated=8, swept=8, path_steps=5)
QUICK = Size(
    captions=2,
    seeds=1,
    steps=4,
    lrs=(0.02, 0.04),
    full_captions=2,
    ablated=2,
    swept=2,
    batch=2,
    sampling_steps=2,
    path_steps=2,
)


@dataclass(frozen=True)
class Setup:
    """What all arms have in common."""

    prior: Prior
    size: Size
    rules: Sequence[str]
    sweep: Sequence[Subject]
    compared: Sequence[Subject]

    @property
    def scale(self) -> float:
        """The prior's guidance scale of sampling."""
        return self.prior.card.defaults.sampling_guidance_scale

    def sweep_arms(self, rule: str) -> dict[Tuning, Arm]:
        """The points of a rule."""
        subjects = self.sweep[: self.size.swept]
        return {
            tuning: self._arm(
                f"{rule} × {tuning.strength:g}, rate {tuning.lr:g}",
                single(rule, self.size.steps, tuning),
                tuning.lr,
                subjects,
                seeds=1,
                offset=SWEEP_STARTS,
            )
            for tuning in points(self.size.lrs)
        }

    def table_1(self, tunings: Mapping[str, Tuning]) -> dict[str, Arm]:
        """The bound and every rule at its chosen point."""
        arms = {DDIM: self._arm(DDIM, Sampling(self.size.sampling_steps, self.scale), 0.0, self.compared)}
        for rule in self.rules:
            tuning = tunings[rule]
            arms[rule] = self._arm(rule, single(rule, self.size.steps, tuning), tuning.lr, self.compared)
        return arms

    def table_3(self, tunings: Mapping[str, Tuning]) -> dict[str, Arm]:
        """The whole path after the single steps of table 1, with their constants."""
        return {
            FULL[rule]: self._arm(
                FULL[rule],
                full_path(rule, self.size.steps, tunings[rule], self.scale, self.size.path_steps),
                tunings[rule].lr,
                self.compared[: self.size.full_captions],
                seeds=1,
            )
            for rule in self.rules
            if rule in FULL
        }

    def ablations(self, tunings: Mapping[str, Tuning]) -> dict[str, Arm]:
        """Appendix B.3: other descriptors in the source, and the bridge from the start. Beside them the bridge as the
        product has it, with constants that were chosen for this prior."""
        if "bridge" not in self.rules:
            return {}
        tuning, steps, defaults = tunings["bridge"], self.size.steps, self.prior.card.defaults
        subjects = self.compared[: self.size.ablated]
        bare = without_first_stage(steps, tuning)
        arms = {NO_FIRST_STAGE: self._arm(NO_FIRST_STAGE, bare, tuning.lr, subjects, seeds=1)}
        for name, suffix in zip(SETS, DESCRIPTORS, strict=True):
            how = single("bridge", steps, tuning)
            arms[name] = self._arm(name, how, tuning.lr, subjects, seeds=1, suffix=suffix)
        own = shipped("bridge", steps, defaults)
        arms[SHIPPED] = self._arm(SHIPPED, own, defaults.picture_lr, subjects, seeds=1)
        return arms

    def _arm(
        self,
        name: str,
        how: How,
        lr: float,
        subjects: Sequence[Subject],
        seeds: int | None = None,
        offset: int = 0,
        suffix: str | None = None,
    ) -> Arm:
        pairs = pairs_of(self.prior, subjects, suffix)
        return Arm(name, how, lr, pairs, seeds or self.size.seeds, offset)


def chosen_rules(names: str | None) -> tuple[str, ...]:
    """Rules by their names with commas between. Raises SystemExit for one that table 1 does not have."""
    wanted = tuple(names.split(",")) if names else SINGLE
    if unknown := [name for name in wanted if name not in SINGLE]:
        raise SystemExit(f"no rule {', '.join(unknown)} here; there are {', '.join(SINGLE)}")
    return tuple(name for name in SINGLE if name in wanted)
