"""What a 2D job asks of a prior: its prompts, embedded, and its rules with their constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from torch import Tensor

from distill.controls import picture_guide
from distill.prior import Prior
from distill.prompts import build_prompts, embed_pairs, unknown_object, words_cut
from distill.rules.learnt_source import LearntSource
from distill.rules.registry import OF_THE_PLAN, constants_of, entry_of, plan_picture
from distill.rules.rule import PromptBatch
from distill.rules.stage import StagePlan
from realify.images.job import ImageError, ImageJob


def ask(job: ImageJob, prior: Prior) -> tuple[PromptBatch, tuple[str, ...]]:
    """The job's prompts, a picture each, and warnings; frees the text encoder. Raises ImageError, PromptError."""
    view, background = _view(job, prior), _background(job, prior)
    domain = job.domain if job.task == "paint" else ""
    pairs = [build_prompts(prior, prompt, view, background, domain) for prompt in job.prompts]
    embeds = embed_pairs(prior, pairs)
    prior.free_text_encoder()
    told = [words_cut(prior, pair.cut) for pair in pairs]
    told += [unknown_object(prior.card, prompt) for prompt in job.prompts]
    rows = [row for row in range(len(pairs)) for _ in range(job.count)]
    parts = (embeds.target, embeds.source, embeds.unconditional, embeds.negative)
    return PromptBatch(*(part[rows] for part in parts)), tuple(warning for warning in told if warning)


def show(job: ImageJob, prior: Prior, prompts: PromptBatch, start: Tensor | None) -> PromptBatch:
    """The prompts with what a guided prior is shown: the picture to edit [1, H, H, 3], which tells of every pixel as
    much as a sketch's colours do. Without one, at strength 0 or for another prior they stay as they are, which means a
    blank guide.
    """
    strength = prior.card.defaults.guide if job.guide is None else job.guide
    if start is None or strength == 0 or "guide" not in prior.controls:
        return prompts
    guide = picture_guide(start, strength).expand(len(prompts.target), -1, -1, -1)
    return prompts.map(lambda embeds: replace(embeds, controls=guide))


def plan(job: ImageJob, prior: Prior, reference: Tensor | None) -> tuple[StagePlan, ...]:
    """The stages of the job's rule, `job.steps` in all. `reference` [1, C, h, w] is the picture before an edit.

    A painting has no first stage (section 3.4 of arXiv 2406.09417): it begins where the source prompt says. By
    default it takes the steps that the rule has beside its first stage. Raises UnknownRule, ImageError.
    """
    defaults = prior.card.defaults
    of_rule: dict[str, Any] = {"reference": reference} if entry_of(job.rule).edits else {}
    given = _constants(job, defaults_of(job, prior, of_rule))
    steps = job.steps or defaults.picture_steps
    plans = plan_picture(job.rule, steps, defaults, **of_rule, **given)
    if job.task == "paint":
        plans = (replace(plans[-1], steps=job.steps or plans[-1].steps),)
    plans = tuple(stage for stage in plans if stage.steps > 0)
    if not plans or plans[-1].name != job.rule:
        raise ImageError(f"{steps} steps leave none for the rule {job.rule} itself.", "Give it more --steps.")
    return plans


def defaults_of(job: ImageJob, prior: Prior, of_rule: dict[str, Any]) -> StagePlan:
    """The rule's own stage without the job's constants."""
    return plan_picture(job.rule, 100, prior.card.defaults, **of_rule)[-1]


def check_task(job: ImageJob) -> None:
    """Raises UnknownRule or ImageError where the rule does not suit the task: known before a prior is loaded."""
    if entry_of(job.rule).edits and job.task != "paint":
        raise ImageError(
            f"The rule {job.rule} edits a picture, and here is none to begin with.",
            f"Give it one: realify image paint PICTURE PROMPT --rule {job.rule}, or choose another rule.",
        )


def check_prior(job: ImageJob, prior: Prior) -> None:
    """Raises ImageError for a prior that cannot do the task."""
    missing = [kind for kind in prior.controls if kind != "guide"]
    if missing:
        raise ImageError(
            f"{prior.name} wants to see the {' and '.join(missing)} of a shape, which a picture has not.",
            "Leave its ControlNet out.",
        )
    if job.guide is not None and "guide" not in prior.controls:
        raise ImageError(f"{prior.name} is shown no guide, and --guide is {job.guide}.", "Leave it out for this prior.")
    if prior.views > 1 and job.task != "text":
        raise ImageError(
            f"{prior.name} draws {prior.views} views of an object at once.",
            "It can do `realify image text`; take another prior for this.",
        )


def _view(job: ImageJob, prior: Prior) -> str | None:
    """The prior's word for the view, asked for by that word or its short name."""
    views = {str(name): word for name, word in prior.card.views.items()}
    if job.view is None or job.view in views.values():
        return job.view
    if job.view in views:
        return views[job.view]
    known = ", ".join(f"{name} ({word})" for name, word in views.items())
    raise ImageError(f"There is no view {job.view!r}.", _choose(prior, known))


def _background(job: ImageJob, prior: Prior) -> str | None:
    if job.background is None or job.background in prior.card.backgrounds:
        return job.background
    raise ImageError(f"There is no background {job.background!r}.", _choose(prior, ", ".join(prior.card.backgrounds)))


def _choose(prior: Prior, known: str) -> str:
    if known:
        return f"The prior {prior.name} knows {known}."
    return f"The prior {prior.name} has no names for them: say it in the prompt."


def _constants(job: ImageJob, stage: StagePlan) -> dict[str, Any]:
    """The job's constants, each as its field's type wants it; names that the rule lacks are left to its own error."""
    if job.task == "paint" and "first" in job.constants:
        raise ImageError("A painting has no first stage to give a share to.", "Leave the constant first out.")
    types: dict[str, Any] = dict.fromkeys(OF_THE_PLAN, float)
    types |= get_type_hints(type(stage.rule))
    types |= {f"lora_{name}": hint for name, hint in get_type_hints(LearntSource).items()}
    known = constants_of(job.rule)
    return {name: _read(name, text, types[name]) if name in known else text for name, text in job.constants.items()}


def _read(name: str, text: str, hint: Any) -> Any:
    """The text as a float, an int, one of a Literal's words, or numbers with commas between."""
    if get_origin(hint) is Literal:
        if text in get_args(hint):
            return text
        raise ImageError(f"The constant {name} is {text!r}.", f"It takes {' or '.join(get_args(hint))}.")
    many = get_origin(hint) is tuple
    kind: Any = get_args(hint)[0] if many else hint
    parts = text.split(",") if many else [text]
    try:
        values: tuple[Any, ...] = tuple(kind(part) for part in parts)
    except ValueError:
        values = ()
    wanted = len(get_args(hint)) if many else 1
    if len(values) != wanted or not all(map(math.isfinite, values)) or (kind is int and min(values) < 0):
        what = "a whole number" if kind is int else "a number"
        raise ImageError(f"The constant {name} is {text!r}.", f"It takes {'numbers, as in .1,.08' if many else what}.")
    if name == "first" and not 0 <= values[0] <= 1:
        raise ImageError(f"The constant first is {text}.", "It is a share of the steps: 0 to 1.")
    return values if many else values[0]


def describe(stages: Sequence[StagePlan]) -> list[dict[str, Any]]:
    """Stages as plain values, for a picture's text: rule, steps, and every constant."""
    told = []
    for stage in stages:
        constants = {name: value for name, value in vars(stage.rule).items() if not isinstance(value, Tensor)}
        constants = {name: vars(value) if name == "learnt" else value for name, value in constants.items()}
        told.append({"rule": stage.name, "steps": stage.steps, "lr_scale": stage.lr_scale} | constants)
    return told
