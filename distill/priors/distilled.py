"""Refuses checkpoints whose guidance or steps were distilled away: their predictions are no scores.

Every rule here takes e(∅) and e(y) for the scores of two distributions, and the bridge their difference
e(y_tgt) - e(y_src) for the way from one to the other. A guidance-distilled network was taught to give the guided
mixture of both at once; a few-step one, to jump to where a sampler or a discriminator wants it. Neither output is the
score of any distribution of pictures, so their difference is no bridge, and guiding it guides twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from distill.priors.loading import PriorError, read_config

GUIDANCE = "is guidance-distilled"
FEW_STEPS = "was distilled to few steps"
FEW_STEP_SCHEDULERS = (
    "CMStochasticIterativeScheduler", "FlowMatchLCMScheduler", "LCMScheduler", "SCMScheduler", "TCDScheduler",
)  # fmt: skip

_FEW_STEP_NAME = re.compile(
    r"(?<![a-z0-9])(turbo|lightning|lcm|schnell|sprint|flash|tcd|pcm|dmd2?|hyper[-_ ]?sd(xl)?|"
    r"(1|2|4|6|8|16)[-_ ]?steps?)(?![a-z0-9])"
)
_UNDONE = re.compile(r"(de|un)[-_ ]?distill|openflux")


def refuse_distilled(folder: Path, name: str) -> None:
    """PriorError, with the reason and another model, for a guidance-distilled or few-step checkpoint.

    Told by the configurations in the folder; where those are silent, by the name.
    """
    checkpoint = _Checkpoint(folder, name)
    for reason in checkpoint.reasons():
        raise PriorError(
            f"{name} {reason}, so what it predicts is no score, and the difference between two prompts no bridge. "
            f"Use {checkpoint.instead()} (docs/priors.md)"
        )


@dataclass(frozen=True)
class _Checkpoint:
    folder: Path
    name: str

    @cached_property
    def network(self) -> dict[str, Any]:
        return self._read("transformer/config.json") or self._read("unet/config.json")

    @cached_property
    def scheduler(self) -> dict[str, Any]:
        return self._read("scheduler/scheduler_config.json")

    @cached_property
    def index(self) -> dict[str, Any]:
        return self._read("model_index.json")

    def _read(self, path: str) -> dict[str, Any]:
        return read_config(self.folder / path)

    def reasons(self) -> Iterator[str]:
        yield from self._by_network()
        if not _UNDONE.search(" ".join(self.names())):
            yield from self._by_scheduler()
            yield from self._by_name()

    def _by_network(self) -> Iterator[str]:
        if self.network.get("guidance_embeds"):
            yield f"{GUIDANCE} (its transformer takes the guidance scale: guidance_embeds)"
        if self.network.get("time_cond_proj_dim") is not None:
            yield f"{GUIDANCE} (its UNet takes the guidance scale: time_cond_proj_dim), as an LCM is"
        if self.index.get("is_distilled"):
            yield f"{FEW_STEPS} (is_distilled in model_index.json)"

    def _by_scheduler(self) -> Iterator[str]:
        scheduler = self.scheduler
        kind = scheduler.get("_class_name", "")
        if kind in FEW_STEP_SCHEDULERS:
            yield f"{FEW_STEPS} (its scheduler is a {kind})"
        if (
            kind == "EulerAncestralDiscreteScheduler"
            and scheduler.get("timestep_spacing") == "trailing"
            and scheduler.get("prediction_type", "epsilon") == "epsilon"
        ):
            yield (
                f"{FEW_STEPS} (ancestral Euler with trailing timesteps is how SD-Turbo and SDXL-Turbo come; if this "
                "is another model, set timestep_spacing to leading in its scheduler_config.json)"
            )
        if (
            self.network.get("_class_name") == "FluxTransformer2DModel"
            and kind == "FlowMatchEulerDiscreteScheduler"
            and scheduler.get("shift") == 1.0
            and not scheduler.get("use_dynamic_shifting")
        ):
            yield (
                f"{FEW_STEPS} (no shift of the timesteps is how FLUX.1 schnell comes; if the distillation was undone, "
                "say so in the folder's name: de-distilled)"
            )

    def _by_name(self) -> Iterator[str]:
        for name in self.names():
            if found := _FEW_STEP_NAME.search(name):
                yield f"{FEW_STEPS} (by its name: {found[0]!r} in {name!r}; if that misleads, rename the folder)"

    def names(self) -> list[str]:
        """What it is called, in small letters: as asked for, its folder or repository, and what it was saved from."""
        folder = self.folder.resolve()
        # The hub's cache keeps models--OWNER--NAME/snapshots/COMMIT.
        stored = folder.parents[1].name if folder.parent.name == "snapshots" else folder.name
        known = [self.name, stored.split("--")[-1]]
        known += [str(part.get("_name_or_path", "")) for part in (self.index, self.network)]
        return list(dict.fromkeys(Path(name).name.lower() for name in known if name))

    def instead(self) -> str:
        """An undistilled model of the same kind, by its alias."""
        kind = self.network.get("_class_name", "")
        if kind == "SD3Transformer2DModel":
            return "Stable Diffusion 3.5 (sd35, sd35large)"
        if kind.startswith("Sana"):
            return "Sana (sana, sana1024)"
        if "Transformer" in kind:
            return "Chroma (chroma) or a de-distilled FLUX.1"
        wide = (self.folder / "text_encoder_2").is_dir()
        return "SDXL base (sdxl)" if wide else "Stable Diffusion 1.5 or 2.1 (sd15, sd21)"
