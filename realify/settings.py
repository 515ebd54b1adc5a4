"""Every setting of a job: one tree of frozen dataclasses, its presets, and the dotted keys that change it.

A field carries its help and its range, so that the command line, docs/settings.md (`make docs`) and a
client's form are drawn from this file alone. No torch here: what only answers questions starts fast.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, lru_cache
from typing import Any, get_args, get_type_hints

from realify.setting import JsonValue, Row, SettingsError, choice, free, number, numbers, read_numbers, shown


def _require_order(group: str, values: Any, low: str, high: str) -> None:
    lower, higher = getattr(values, low), getattr(values, high)
    if lower is not None and higher is not None and lower >= higher:
        raise SettingsError(
            f"{group}.{low} is {lower}, {group}.{high} is {higher}.",
            f"{group}.{low} has to be the smaller one.",
        )


@dataclass(frozen=True)
class Sketch:
    """How the sketch's file is read."""

    up: str = choice("auto", ("auto", "y", "z"), "the file's up axis; auto: z for STL, y otherwise")
    scale: float = number(1.0, 1e-6, 1e6, "metres in one unit of the file")
    front: float = number(0.0, -360.0, 360.0, "degrees by which the sketch is turned about its up axis")


@dataclass(frozen=True)
class Fit:
    """The signed distance field is fitted to renders of the sketch."""

    grid: int = number(64, 16, 256, "cells along each side of the distance field")
    resolution: int = number(256, 32, 1024, "pixels of the renders, each side")
    steps: int = number(300, 1, 20_000, "optimisation steps")
    views: int = number(2, 1, 32, "views in each step")
    lr: float = number(0.01, 1e-6, 1.0, "learning rate of the distance field, in working units a step")


@dataclass(frozen=True)
class Prior:
    """The diffusion model that knows what things look like."""

    name: str = free("embedded", "embedded, a model repository's id, or a local folder in diffusers layout")
    dtype: str = choice(
        "auto",
        ("auto", "float32", "bfloat16", "float16"),
        "number format of the prior; auto: half precision where the device is fast at it",
    )
    revision: str = free("", "commit, tag or branch of the repository; empty: the pinned one")
    compile: bool = free(False, "torch.compile: minutes at first, then faster; needs CUDA or a C++ compiler")
    channels_last: bool = free(False, "memory format of the prior's convolutions that some devices are faster with")
    attention: str = choice(
        "auto",
        ("auto", "flash", "efficient", "cudnn", "math"),
        "kernel of the prior's attention; auto: torch's choice",
    )
    guide: float | None = number(
        None,
        0.0,
        1.0,
        "how firmly a prior that is shown a guide is held to the sketch's colours and light; none: the prior's own",
    )
    controlnet: str = free(
        "",
        "ControlNets that show a Stable Diffusion prior the body's depth, normals or colours: names or folders with "
        "commas between, where one does not say which as depth:NAME, normal:NAME or color:NAME; empty: none",
    )
    controlnet_scale: str = numbers(
        "1", 0.0, 10.0, "how firmly pictures keep to what the ControlNets see; one for all or one for each"
    )

    def __post_init__(self) -> None:
        scales, nets = len(self.controlnet_scales), sum(bool(name.strip()) for name in self.controlnet.split(","))
        if scales not in (1, nets):
            raise SettingsError(
                f"prior.controlnet_scale holds {scales} numbers, prior.controlnet {nets} names.",
                "Give one number, or as many as there are ControlNets.",
            )

    @property
    def controlnet_scales(self) -> tuple[float, ...]:
        """The numbers in `controlnet_scale`."""
        return read_numbers(self.controlnet_scale)


@dataclass(frozen=True)
class Render:
    """The pictures that are shown to the prior."""

    views: int = number(4, 1, 64, "views in each step; a multi-view prior takes the nearest multiple of four")
    resolution: int = number(0, 0, 2048, "pixels of the renders, each side; 0: the prior's own")
    supersample: int = number(1, 1, 4, "samples along each side of a pixel")
    close_up: float = number(0.3, 0.0, 1.0, "share of the views that are close-ups")
    textureless: float = number(0.1, 0.0, 1.0, "share of the steps that show the bare shape")
    random_background: float = number(0.5, 0.0, 1.0, "share of the backgrounds in random colours")


@dataclass(frozen=True)
class Geometry:
    """The distance field during the two stages; weights are relative to the distillation gradient's size."""

    lr: float = number(1e-3, 0.0, 1.0, "learning rate of the distance field; 0 keeps the fitted shape")
    every: int = number(1, 1, 100, "the surface is extracted and updated each this many steps")
    laplacian: float = number(0.3, 0.0, 1000.0, "weight against bumps")
    normal_consistency: float = number(0.5, 0.0, 1000.0, "weight against folds between neighbouring faces")
    keep_shape: float = number(30.0, 0.0, 1000.0, "weight that ties the silhouette to the sketch's")
    eikonal: float = number(0.1, 0.0, 1000.0, "weight that keeps the field a distance")


@dataclass(frozen=True)
class Color:
    """The material field during the two stages of distillation; learning rate and smoothness in the third, too."""

    lr: float = number(0.01, 1e-6, 1.0, "learning rate of the material field")
    smoothness: float = number(0.01, 0.0, 1000.0, "weight against speckles; relative, as above")
    keep: float | None = number(
        None,
        0.0,
        1000.0,
        "weight that holds to the sketch's colours; relative, as above; none: the prior's own",
    )


# The rules of distill/rules/registry.py that need no picture to edit; a test holds the two together.
RULES = (
    "sds", "bridge", "nfsd", "csd", "vsd", "ism", "sdi", "full-path", "full-path-unconditional", "full-path-lora",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A stage of score distillation; `stage1` is SDS, `stage2` the bridge, unless told otherwise."""

    rule: str = choice("sds", RULES, "the stage's rule (docs/rules.md)")
    steps: int = number(2000, 0, 100_000, "optimisation steps")
    strength: float | None = number(
        None, 0.0, 1000.0, "guidance scale of the rule, or weight of the bridge; none: the prior's own"
    )
    weight: float = number(1.0, 0.0, 1000.0, "weight of the gradient")
    lr_scale: float | None = number(
        None, 0.0, 10.0, "this stage's learning rates beside those set; none: 1 first, then the prior's own"
    )
    t_min: float | None = number(None, 0.0, 1.0, "lowest diffusion time drawn; none: the prior's own")
    t_max: float | None = number(None, 0.0, 1.0, "highest diffusion time drawn at first; none: the prior's own")
    t_max_late: float | None = number(
        None, 0.0, 1.0, "highest diffusion time drawn later; none: the prior's own, or t_max if that is lower"
    )
    late_from: float | None = number(
        None, 0.0, 1.0, "share of the stage's steps after which it is later; none: the prior's own"
    )


@dataclass(frozen=True)
class Sample:
    """Third stage: pictures of all views are sampled from the prior, held to one material (docs/data_path.md)."""

    steps: int | None = number(
        None, 0, 1000, "steps from noise to clean pictures; 0 leaves the stage out; none: the prior's own"
    )
    views: int = number(20, 1, 256, "views that are sampled together, evenly spread")
    t_max: float | None = number(None, 0.0, 1.0, "diffusion time at which it begins; none: the prior's own")
    guidance_scale: float | None = number(
        None, 0.0, 1000.0, "strength of the prompt against its source; none: the prior's own"
    )
    eta: float | None = number(
        None, 0.0, 1.0, "share of DDPM's own noise that each step draws anew (DDIM's eta); none: the prior's own"
    )
    fit_steps: int = number(4, 1, 100, "rounds over the views in each step in which the material follows the pictures")
    together: float = number(
        0.8, 0.0, 1.0, "share of the steps in which the pictures follow the material, too; after it each is its own"
    )


@dataclass(frozen=True)
class Output:
    """The files that come out."""

    texture_size: int = choice(2048, (1024, 2048, 4096), "pixels of the textures, each side")
    faces: int = number(40_000, 500, 2_000_000, "most triangles of the result")
    turntable: bool = free(False, "also write an animation that walks around the result")


@dataclass(frozen=True)
class Checkpoint:
    """What is written while a job runs."""

    every_seconds: float = number(60.0, 0.0, 86_400.0, "seconds between checkpoints")
    preview_every: int = number(50, 0, 100_000, "steps between preview images; 0: none")


@dataclass(frozen=True)
class Settings:
    """All settings of one job. The field defaults are the preset `standard`."""

    seed: int = number(0, 0, 2**32 - 1, "every random draw of the job comes from it")
    device: str = choice("auto", ("auto", "cuda", "mps", "cpu"), "where the prior and the fields live")
    backend: str = choice(
        "auto",
        ("auto", "numba", "torch", "nvdiffrast"),
        "rasteriser; auto: nvdiffrast where it is installed beside CUDA, else torch on a GPU, else numba",
    )
    extract: str = choice("auto", ("auto", "tets", "flexicubes"), "how the surface is taken out; auto: tets")
    threads: int = number(1, 1, 256, "processor threads of the fit and the stages after it")
    sketch: Sketch = Sketch()
    fit: Fit = Fit()
    prior: Prior = Prior()
    render: Render = Render()
    geometry: Geometry = Geometry()
    color: Color = Color()
    stage1: Stage = Stage()
    stage2: Stage = Stage(rule="bridge", steps=500)
    sample: Sample = Sample()
    output: Output = Output()
    checkpoint: Checkpoint = Checkpoint()

    def __post_init__(self) -> None:
        for name, stage in (("stage1", self.stage1), ("stage2", self.stage2)):
            _require_order(name, stage, "t_min", "t_max")
            _require_order(name, stage, "t_min", "t_max_late")


STANDARD = Settings()
# A first look on two processor cores in about two minutes, with the embedded prior.
DRAFT = Settings(
    fit=Fit(steps=200),
    render=Render(random_background=0.25),
    geometry=Geometry(every=4),
    stage1=Stage(steps=320),
    stage2=Stage(rule="bridge", steps=80),
    output=Output(texture_size=1024, faces=20_000),
    checkpoint=Checkpoint(every_seconds=20.0, preview_every=40),
)
# For a GPU and a large prior; as in STANDARD, the paper's split of 80 % and 20 %.
HIGH = Settings(
    fit=Fit(grid=128, resolution=512, steps=1000, views=4),
    render=Render(views=8),
    stage1=Stage(steps=8000),
    stage2=Stage(rule="bridge", steps=2000),
    output=Output(texture_size=4096, faces=200_000),
    checkpoint=Checkpoint(every_seconds=120.0, preview_every=200),
)
# What settings were called before, for those who have them written down.
RENAMED = {"sds": "stage1", "bridge": "stage2"}
FORMER_STRENGTHS = {"sds.guidance_scale": "strength", "bridge.weight": "strength"}
PRESETS = {"draft": DRAFT, "standard": STANDARD, "high": HIGH}


def preset(name: str) -> Settings:
    """The preset of that name. Raises SettingsError where there is none."""
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name!r}.", f"Choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def apply(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """`settings` with dotted keys changed, e.g. {"geometry.lr": "1e-3", "prior.dtype": "float16"}.

    Values are typed (from JSON) or text (from the command line); "none" clears what may be empty.
    Raises SettingsError: unknown key, wrong type, out of range.
    """
    rows = {row.key: row for row in describe(settings)}
    by_group: dict[str, dict[str, JsonValue]] = {}
    for key, value in changes.items():
        if key not in rows:
            raise _unknown_key(key, list(rows))
        group, _, name = key.rpartition(".")
        by_group.setdefault(group, {})[name] = rows[key].parse(value)
    groups = {group: replace(getattr(settings, group), **by_group[group]) for group in by_group if group}
    return replace(settings, **by_group.get("", {}), **groups)


def to_dict(settings: Settings) -> dict[str, JsonValue]:
    """All settings as {dotted key: value}, ready for JSON."""
    return {row.key: row.value for row in describe(settings)}


def from_dict(values: Mapping[str, Any]) -> Settings:
    """What `to_dict` wrote; a key that is missing has its default. Raises SettingsError as `apply` does."""
    return apply(STANDARD, values)


def describe(settings: Settings = STANDARD) -> list[Row]:
    """A row for each setting, in the order of this file, with its value in `settings`."""
    return list(_described(settings))


@lru_cache(maxsize=64)
def _described(settings: Settings) -> tuple[Row, ...]:
    """Kept, because a server describes the presets with every job that comes in."""
    return tuple(_rows(settings, ""))


def _rows(group: Any, prefix: str) -> Iterator[Row]:
    for item in fields(group):
        value, key = getattr(group, item.name), prefix + item.name
        if is_dataclass(value):
            yield from _rows(value, key + ".")
            continue
        types = _types(type(group))[item.name]
        yield Row(
            key=key,
            type=types[0].__name__,
            optional=type(None) in types,
            value=value,
            range=item.metadata.get("range"),
            choices=item.metadata.get("choices"),
            help=item.metadata["help"],
            many=item.metadata.get("many", False),
        )


@cache
def _types(group: type) -> dict[str, tuple[type, ...]]:
    """Field name: the types it takes."""
    return {name: get_args(hint) or (hint,) for name, hint in get_type_hints(group).items()}


def _unknown_key(key: str, keys: list[str]) -> SettingsError:
    group, _, name = key.rpartition(".")
    if group in RENAMED and (now := f"{RENAMED[group]}.{FORMER_STRENGTHS.get(key, name)}") in keys:
        return SettingsError(f"There is no setting {key!r}.", f"It is called {now} now.")
    last_words = {known.rpartition(".")[2]: known for known in keys}
    near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
    near = near or [last_words[word] for word in difflib.get_close_matches(key, list(last_words), n=1)]
    hint = f"Did you mean {near[0]}?" if near else "`realify settings` lists all."
    return SettingsError(f"There is no setting {key!r}.", hint)


def markdown() -> str:
    """docs/settings.md: every setting with its value in each preset."""
    values = {name: to_dict(settings) for name, settings in PRESETS.items()}
    lines = [
        "# Settings",
        "",
        "Written by `make docs` from `realify/settings.py`. Change them by `--set key=value`.",
        "",
        "| key | draft | standard | high | takes | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for row in describe():
        by_preset = " | ".join(f"`{shown(values[name][row.key])}`" for name in PRESETS)
        lines.append(f"| `{row.key}` | {by_preset} | {row.takes} | {row.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
