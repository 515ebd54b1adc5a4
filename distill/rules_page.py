"""docs/rules.md, written from the code: `python -m distill.rules_page > docs/rules.md`.

What a step costs is counted, not claimed (distill/nfe.py).
"""

from __future__ import annotations

import torch

from distill.card import PriorDefaults
from distill.nfe import count_step
from distill.rules.dds import DDS
from distill.rules.registry import RULES, make_rule

SHAPE = (3, 4, 4)
HEAD = """# Distillation rules

Written by `make docs` from `distill/rules/registry.py`. Every rule turns a picture x, a time t and noise into the
gradient that an optimiser descends; one file each, one interface (`distill/rules/rule.py`). x_t = alpha x + sigma eps;
e(y) is the prior's noise prediction at (x_t, t) for the prompt y, e(∅) without one. A guidance scale s means
e(∅) + s (e(y) - e(∅)) in all.

NFE is the number of the network's evaluations for one picture in one step, at the constants of the paper. "At once" is
how many pictures go through the network in one pass, which is what the memory of a step grows with; one that trains
needs the activations of a backward pass through the network besides, and its adapter's weights and moments. Seconds and
memory measured on the embedded prior are in docs/distill.md.

| `--rule` | file | gradient | NFE | at once | trains | source distribution | when to use it |
|---|---|---|---|---|---|---|---|"""
FOOT = """
In 2D a rule may have another before it: the bridge and the full paths begin with SDS, the bridge or VSD, as
`plan_picture` says (`realify image text`, docs/pictures.md). In 3D the first stage is SDS and the second the bridge,
unless the settings `stage1.rule` and `stage2.rule` say otherwise. The constants are the
paper's; a prior's own are on its card (`distill/embedded/prior.json`, say). How the rules compare on the embedded prior
is in docs/distill.md; SDS and the bridge on meshes, in docs/realism.md."""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_row(name) for name in RULES), FOOT, ""])


def _row(name: str) -> str:
    rule = DDS(torch.zeros(1, *SHAPE)) if RULES[name].edits else make_rule(name, PriorDefaults())
    count = count_step(rule, SHAPE)
    doc = (type(rule).__doc__ or "").split("\n\n")[0]
    formula = " ".join(doc.split()).replace("|", "\\|").split(". ")[0].rstrip(".")
    trains = "LoRA" if count.trainings else "no"
    file = type(rule).__module__.rpartition(".")[2]
    entry = RULES[name]
    cells = name, f"{file}.py", formula, str(count.evaluations), str(count.largest), trains, entry.source, entry.use
    return f"| `{cells[0]}` | {' | '.join(cells[1:])} |"


if __name__ == "__main__":
    print(page(), end="")
