"""A card for each job: what it looks like, how far it is, when it will be done, and what can be done to it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from .. import runtime
from ..jobs.job import BROKEN, OVER, THERE, Job
from ..scene import result
from ..text.times import time_left, took
from ..text.words import OURS, tr
from ..text.wrapping import draw_text, lines, share_of_width
from . import previews
from .properties import PRESETS

SHOWN = 6  # cards; older ones are folded away
UNIT = 20  # pixels, at scale 1: the height of a button
PICTURE = 4.0  # in these heights
PROMPT_LINES = 3
ICONS = {"ready": "IMPORT", "done": "CHECKMARK", "cancelled": "CANCEL", "cancelling": "CANCEL", "queued": "SORTTIME"}


@dataclass(frozen=True)
class Button:
    """An operator about the job, and what stands on its button."""

    operator: str
    text: str
    icon: str


def buttons(job: Job) -> tuple[Button, ...]:
    """What can be done to it now; Remove is beside its name."""
    if job.phase == "ready":
        return (Button("realify.import_result", tr("Import"), "IMPORT"),)
    if job.phase == "done":
        return (Button("realify.import_result", tr("Import Again"), "FILE_REFRESH"),)
    if job.phase in BROKEN:
        return (Button("realify.retry", tr("Retry"), "FILE_REFRESH"),)
    if job.phase == "cancelling":
        return ()
    return (Button("realify.cancel", tr("Cancel"), "CANCEL"),)


def can_remove(job: Job) -> bool:
    """Whether it can be taken off the list; one at work is cancelled first."""
    return job.phase in OVER or job.phase == "ready"


def icon_of(job: Job) -> str:
    """For its name's line."""
    return "ERROR" if job.phase in ("failed", "dead", "lost") else ICONS.get(job.phase, "RENDER_ANIMATION")


def stage_words(job: Job) -> str:
    """What happens to it, or happened."""
    if job.phase == "queued":
        return _place_words(job.place)
    if job.phase == "running":
        return _running_words(job.stage)
    if job.phase == "done":
        return tr("Done in {}").format(took(job.finished - job.created)) if job.finished else tr("Done")
    return {
        "preparing": tr("Preparing the sketch"),
        "sending": tr("Sending the sketch"),
        "cancelling": tr("Cancelling…"),
        "fetching": tr("Fetching the result"),
        "ready": tr("The result is here"),
        "failed": tr("It failed"),
        "dead": tr("The server gave it up"),
        "cancelled": tr("Cancelled"),
        "lost": tr("The server does not know it any more"),
    }[job.phase]


def _place_words(place: int | None) -> str:
    if place is None:
        return tr("Waiting in the queue")
    if place == 0:
        return tr("Next in the queue")
    return tr("Waiting behind one job") if place == 1 else tr("Waiting behind {} jobs").format(place)


def _running_words(stage: str | None) -> str:
    words = {
        "read": tr("Reading the sketch"),
        "fit": tr("Understanding the shape"),
        "stage1": tr("Finding shape and colours"),
        "stage2": tr("Making it real"),
        "sample": tr("Drawing its surfaces"),
        "bake": tr("Painting the textures"),
        "export": tr("Packing the result"),
    }
    return words.get(stage or "", tr("Starting"))


def progress(job: Job) -> float | None:
    """How far it is, from 0 to 1; none where no bar would be true."""
    if job.phase in ("sending", "fetching"):
        return min(1.0, job.step / job.total) if job.total else 0.0
    return job.fraction if job.phase == "running" else None


def summary(job: Job) -> str:
    """What was asked for beside the prompt."""
    names = {key: name for key, name, _ in PRESETS}
    return tr("{}, seed {}").format(tr(names.get(job.preset, job.preset)), job.seed)


class REALIFY_PT_jobs(bpy.types.Panel):
    """What was asked for in this file, newest first."""

    bl_label = "Jobs"
    bl_translation_context = OURS
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Realify"
    bl_order = 1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(runtime.state.jobs or runtime.state.unread)

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        at_work = sum(job.phase not in OVER for job in runtime.state.jobs.values())
        if at_work:
            self.layout.label(text=tr("{} at work").format(at_work), translate=False)

    def draw(self, context: bpy.types.Context) -> None:
        if runtime.state.unread:
            text = tr("Jobs in this file that this version cannot read, and keeps: {}")
            draw_text(self.layout, text.format(runtime.state.unread), context, "INFO")
        near, far = split(runtime.state.jobs.values())
        for job in near:
            draw_card(self.layout, context, job)
        if not far:
            return
        header, body = self.layout.panel("REALIFY_older", default_closed=True)
        header.label(text=tr("{} older").format(len(far)), translate=False)
        for job in far if body else ():
            draw_card(body, context, job)


def split(jobs: Iterable[Job]) -> tuple[list[Job], list[Job]]:
    """Those that are shown at once, newest first: the newest, and all that are not over; and the rest."""
    newest_first = list(reversed(list(jobs)))
    near = [job for number, job in enumerate(newest_first) if number < SHOWN or job.phase not in OVER]
    return near, [job for job in newest_first[SHOWN:] if job.phase in OVER]


def draw_card(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """One job in a box."""
    box = layout.box()
    _draw_name(box, job)
    _draw_picture(box, context, job)
    _draw_progress(box, job)
    if job.phase == "ready" and (reason := result.can_import_now(context)):
        draw_text(box, reason, context, "INFO")
    if job.trouble is not None and job.phase != "cancelled":
        draw_text(box, f"{job.trouble['message']} {job.trouble['fix']}".strip(), context)
    for warning in job.warnings:
        draw_text(box, warning, context, "INFO")
    row = box.row(align=True)
    for button in buttons(job):
        properties = row.operator(button.operator, text=button.text, icon=button.icon, translate=False)
        properties.key = job.key


def _draw_name(box: bpy.types.UILayout, job: Job) -> None:
    row = box.row(align=True)
    row.label(text=job.name, icon=icon_of(job), translate=False)
    row.operator("realify.select_sketch", text="", icon="RESTRICT_SELECT_OFF", emboss=False).key = job.key
    if can_remove(job):
        row.operator("realify.remove", text="", icon="X", emboss=False).key = job.key


def _draw_picture(box: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    picture = previews.icon(job.key)
    row = box
    if picture:
        row = box.split(factor=share_of_width(context, PICTURE * UNIT))  # a row would narrow the picture
        row.template_icon(icon_value=picture, scale=PICTURE)
    column = row.column(align=True)
    column.scale_y = 0.8
    told = lines(job.prompt, context, PICTURE * UNIT if picture else 0)
    for line in (*told[: PROMPT_LINES - 1], told[PROMPT_LINES - 1] + "…") if len(told) > PROMPT_LINES else told:
        column.label(text=line, translate=False)
    faint = column.row()
    faint.active = False
    faint.label(text=summary(job), translate=False)
    if job.phase in THERE and runtime.state.status.state != "ready":
        column.label(text=tr("Waiting for the server"), icon="UNLINKED", translate=False)
    elif progress(job) is None:
        column.label(text=stage_words(job), translate=False)
    elif job.phase == "running" and (left := time_left(job.seconds_left, job.told, time.time())):
        column.label(text=left, translate=False)


def _draw_progress(box: bpy.types.UILayout, job: Job) -> None:
    share = progress(job)
    if share is not None:
        box.progress(factor=share, text=f"{stage_words(job)}  {share:.0%}", translate=False)


CLASSES = (REALIFY_PT_jobs,)
