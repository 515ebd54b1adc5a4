"""What users click and scripts call about sketches and jobs.

Called by a click an operator returns at once and the session goes on by its timer; called by a script (`execute`) it
blocks until what it began is over, and an error is raised as Blender raises them (RuntimeError).

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

import bpy
from bpy.props import BoolProperty, StringProperty

from ... import runtime
from ...jobs.job import BROKEN, OVER, Job
from ...scene import refusals, subject
from ...scene.settings import copy_settings, settings_of
from ...text.words import tr
from ...trouble import Trouble
from .server import wait_for_connection

Result = set[str]


def why_not_run(context: bpy.types.Context) -> str | None:
    """The exact reason why the selected objects cannot be realified now; None when they can."""
    if context.mode not in ("OBJECT", "SCULPT", "PAINT_VERTEX") and not context.mode.startswith("EDIT"):
        return tr("Leave this mode first")
    chosen = subject.selected(context)
    if not chosen:
        return tr("Select a sketch")
    for first, *_ in chosen:
        # A sketch that its result has hidden is shown again for the moment.
        if subject.result_of(first) is None and (reason := refusals.why_not(first, context.view_layer)):
            return reason
    given = chosen[0][0].realify
    try:
        settings_of(given)
    except Trouble as trouble:
        return str(trouble)
    if not (given.prompt.strip() or all(first.realify.prompt.strip() for first, *_ in chosen)):
        return tr("Say in a sentence what it is")
    status = runtime.state.status
    if status.state != "ready":
        return status.message or tr("No server is connected yet")
    most = (runtime.state.options or {}).get("limits", {}).get("prompt_letters", 0)
    if most and len(given.prompt.strip()) > most:
        return tr("The prompt is longer than {} letters").format(most)
    return None


class OnJob:
    """An operator about one job of the list."""

    key: StringProperty(name="Job", description="The job's key", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Result:
        """Does it, and waits for its end if a script asked."""
        job = runtime.state.jobs.get(self.key)
        if job is None:
            self.report({"ERROR"}, tr("There is no such job; the list has changed."))
            return {"CANCELLED"}
        try:
            return self.on(job, context) or {"FINISHED"}
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """The same; `options.is_invoke` tells it not to wait."""
        return self.execute(context)


class REALIFY_OT_run(bpy.types.Operator):
    bl_idname = "realify.run"
    bl_label = "Realify"
    bl_description = "Make the selected sketches real, each where it stands. Blender stays free meanwhile"
    bl_options = set()  # not "REGISTER": Repeat Last would call `execute`, and wait

    joined: BoolProperty(
        name="As One",
        description="All selected objects are one sketch, with the active object's settings",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            return True  # `execute` finds out, and raises
        reason = why_not_run(context)
        cls.poll_message_set(reason or "")
        return reason is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Begins, and leaves the rest to the timer."""
        self.joined = self.joined or context.scene.realify.joined
        return {"FINISHED"} if self._begin(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Begins, waits, and imports. Ctrl-C cancels the jobs."""
        try:
            wait_for_connection()
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        jobs = self._begin(context)
        try:
            runtime.tasks.wait(lambda: all(job.phase in OVER for job in jobs), lambda: runtime.tick(place_all=True))
        except KeyboardInterrupt:
            for job in jobs:
                if job.phase not in OVER:
                    runtime.actions.cancel(job)
            runtime.tasks.wait(lambda: all(job.phase in OVER for job in jobs), runtime.tick)
            raise
        broken = [job for job in jobs if job.phase in BROKEN]
        for job in broken:
            self.report({"ERROR"}, f"{job.name}: {_words(job)}")
        return {"FINISHED"} if jobs and not broken else {"CANCELLED"}

    def _begin(self, context: bpy.types.Context) -> list[Job]:
        """One job for each sketch, or for all; what cannot begin is told, the others begin."""
        chosen = subject.selected(context)
        if not chosen:
            self.report({"ERROR"}, tr("Select a sketch"))
        jobs = []
        if self.joined and chosen:
            chosen = [list(dict.fromkeys(obj for sketch in chosen for obj in sketch))]
        for sketch in chosen:
            if not sketch[0].realify.prompt.strip():  # the active one speaks for those without words
                copy_settings(chosen[0][0].realify, sketch[0].realify)
            try:
                jobs.append(runtime.flow.begin(sketch, context))
            except Trouble as trouble:
                self.report({"ERROR"}, f"{sketch[0].name}: {trouble}")
        return jobs


class REALIFY_OT_cancel(OnJob, bpy.types.Operator):
    bl_idname = "realify.cancel"
    bl_label = "Cancel"
    bl_description = "Stop this job, on the server too"

    def on(self, job: Job, context: bpy.types.Context) -> Result | None:
        runtime.actions.cancel(job)
        if not self.options.is_invoke:
            runtime.tasks.wait(lambda: job.phase != "cancelling", runtime.tick)
        return None


class REALIFY_OT_retry(OnJob, bpy.types.Operator):
    bl_idname = "realify.retry"
    bl_label = "Retry"
    bl_description = "Go on from where it broke; the server goes on from its last checkpoint"

    def on(self, job: Job, context: bpy.types.Context) -> Result | None:
        runtime.actions.retry(job)
        return None


class REALIFY_OT_import_result(OnJob, bpy.types.Operator):
    bl_idname = "realify.import_result"
    bl_label = "Import"
    bl_description = "Put the result where the sketch stands. Importing again renews it and makes no second one"

    def on(self, job: Job, context: bpy.types.Context) -> Result | None:
        if job.phase == "done":
            runtime.flow.fetch_again(job)
        elif job.phase != "ready":
            raise Trouble("not_done", f"{job.name} is not done.", "Wait for it.")
        if self.options.is_invoke and job.phase != "ready":
            return None  # the timer places it
        runtime.tasks.wait(lambda: job.phase not in ("fetching", "ready"), lambda: runtime.tick(place_all=True))
        if job.phase != "done":
            raise Trouble("not_imported", _words(job))
        return None


class REALIFY_OT_remove(OnJob, bpy.types.Operator):
    bl_idname = "realify.remove"
    bl_label = "Remove"
    bl_description = "Take this job off the list, with its files here and on the server. What was imported stays"

    def on(self, job: Job, context: bpy.types.Context) -> Result | None:
        runtime.actions.remove(job)
        return None


class REALIFY_OT_select_sketch(OnJob, bpy.types.Operator):
    bl_idname = "realify.select_sketch"
    bl_label = "Select"
    bl_description = "Select this job's sketch, or its result while the sketch is hidden"
    bl_options = {"REGISTER", "UNDO"}

    def on(self, job: Job, context: bpy.types.Context) -> Result | None:
        sketch = subject.find(job.sketch_id)
        if sketch is None:
            raise Trouble("no_sketch", f"The sketch of {job.name} is gone.")
        seen = sketch if sketch.visible_get() else subject.result_of(sketch)
        if seen is None or seen.name not in context.view_layer.objects:
            raise Trouble("hidden", f"{sketch.name} is hidden.", "Show it in the Outliner.")
        for obj in context.selected_objects:
            obj.select_set(False)
        seen.select_set(True)
        context.view_layer.objects.active = seen
        return None


def _words(job: Job) -> str:
    """Why it is as it is, for a script."""
    trouble = job.trouble
    return f"{trouble['message']} {trouble['fix']}".strip() if trouble else job.phase


CLASSES = (
    REALIFY_OT_run,
    REALIFY_OT_cancel,
    REALIFY_OT_retry,
    REALIFY_OT_import_result,
    REALIFY_OT_remove,
    REALIFY_OT_select_sketch,
)
