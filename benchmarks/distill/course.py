"""The sweep, then the tables, each from what came before it; the page is written after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.distill.bench import Bench
from benchmarks.distill.cells import Arm
from benchmarks.distill.cost import Costs
from benchmarks.distill.figures import Judge
from benchmarks.distill.gather import Made
from benchmarks.distill.methods import FULL, Tuning
from benchmarks.distill.plan import Setup
from benchmarks.distill.result import Examiner, Result, Row, pictures_of
from benchmarks.distill.sweep import chosen, judge_points, points
from benchmarks.distill.workers import say

ARMS: Mapping[str, Callable[[Setup, Mapping[str, Tuning]], dict[str, Arm]]] = {
    "table1": Setup.table_1,
    "table3": Setup.table_3,
    "ablations": Setup.ablations,
}


@dataclass
class Course:
    """`made` holds each table's pictures by the names of its arms."""

    bench: Bench
    setup: Setup
    judge: Judge
    result: Result
    write: Callable[[], None]
    made: dict[str, dict[str, Made]]
    arms: dict[str, dict[str, Arm]] = field(default_factory=dict)

    def run(self, wanted: Sequence[str]) -> None:
        """Says how long it will take; then the sweep, and those of the tables that are wanted."""
        tables = [name for name in ARMS if name in wanted]
        swept = {rule: self.setup.sweep_arms(rule) for rule in self.setup.rules}
        flat = {f"{rule} {tuning}": arm for rule, arms in swept.items() for tuning, arm in arms.items()}
        tunings = None if self.bench.missing(flat.values()) else self._choose(swept)
        costs = self._announce(flat, tables, tunings)
        self.bench.make("sweep", flat, costs)
        tunings = tunings or self._choose(swept)
        say("chosen: " + ", ".join(f"{rule} × {one.strength:g} at {one.lr:g}" for rule, one in tunings.items()))
        self.write()
        examiner = Examiner(self.judge, self.setup.compared, costs)
        for name in tables:
            self.arms[name] = ARMS[name](self.setup, tunings)
            self.made[name] |= self.bench.make(name, self.arms[name], costs)
            FINDINGS[name](self, examiner)
            self.write()

    def _announce(self, sweep: Mapping[str, Arm], tables: Sequence[str], tunings: Mapping[str, Tuning] | None) -> Costs:
        """What a table takes does not depend on the sweep's choice, but whether it is in the cache does."""
        first = points(self.setup.size.lrs)[0]
        known = tunings or dict.fromkeys(self.setup.rules, first)
        return self.bench.announce(
            {"sweep": sweep.values(), **{name: ARMS[name](self.setup, known).values() for name in tables}}
        )

    def _choose(self, swept: Mapping[str, Mapping[Tuning, Arm]]) -> dict[str, Tuning]:
        subjects = self.setup.sweep[: self.setup.size.swept]
        for rule, arms in swept.items():
            pictures = {tuning: self.bench.gather({rule: arm})[rule].images for tuning, arm in arms.items()}
            self.result.sweep[rule] = judge_points(self.judge, pictures, subjects)
        return {rule: chosen(found) for rule, found in self.result.sweep.items()}

    def _rows(self, table: str, examiner: Examiner) -> dict[str, Row]:
        return {name: examiner.row(arm, self.made[table][name]) for name, arm in self.arms[table].items()}

    def find_1(self, examiner: Examiner) -> None:
        """Table 1, with what the captions' own renders reach."""
        self.result.floor = self.judge.figures(pictures_of(self.setup.compared), self.setup.compared)
        self.result.table_1 = self._rows("table1", examiner)
        self.result.orders_1 = examiner.orders(self.made["table1"])

    def find_3(self, examiner: Examiner) -> None:
        """Table 3; the single steps are those of table 1, as many of them."""
        single, full = self.made["table1"], self.made["table3"]
        self.result.table_3 = self._rows("table3", examiner)
        self.result.orders_3 = examiner.full_orders(single, full)
        self.result.singles_3 = {
            rule: examiner.alike(single[rule], full[FULL[rule]]) for rule in FULL if FULL[rule] in full
        }

    def find_ablations(self, examiner: Examiner) -> None:
        """Appendix B.3, beside SDS and the bridge of table 1."""
        self.result.ablations = self._rows("ablations", examiner)
        for gaps, rule in ((self.result.from_sds, "sds"), (self.result.from_bridge, "bridge")):
            if rule in self.made["table1"]:
                whole = self.made["table1"][rule]
                gaps |= {name: examiner.difference(whole, one) for name, one in self.made["ablations"].items()}


FINDINGS: Mapping[str, Callable[[Course, Examiner], None]] = {
    "table1": Course.find_1,
    "table3": Course.find_3,
    "ablations": Course.find_ablations,
}
