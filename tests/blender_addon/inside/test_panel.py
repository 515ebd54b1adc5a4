"""All of the panel that can be tried without a window: its words, its buttons, what it names. How it looks is looked
at in window/."""

from __future__ import annotations

import ast
import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import bpy
import numpy as np
import pytest

from tests.blender_addon.inside.conftest import PACKAGE, ROOT, Server

NOW = 1_700_000_000.0
UI = sorted((ROOT / "blender_addon" / "ui").rglob("*.py"))
STATES = ("unknown", "connecting", "starting", "ready", "unreachable", "no_token", "bad_token", "other_version",
          "not_realify", "offline", "unknown_certificate", "bad_address", "no_program", "port_in_use", "start_failed",
          "internal")  # fmt: skip


@pytest.fixture
def ui(addon: ModuleType) -> Callable[[str], ModuleType]:
    """A module of the extension's ui."""
    return lambda name: import_module(f"{PACKAGE}.ui.{name}")


@pytest.fixture
def text(addon: ModuleType) -> Callable[[str], ModuleType]:
    """A module of the extension's text."""
    return lambda name: import_module(f"{PACKAGE}.text.{name}")


@pytest.fixture
def new_job(addon: ModuleType) -> Callable[..., Any]:
    """A job of the given phase."""
    jobs = import_module(f"{PACKAGE}.jobs.job")
    return lambda **given: jobs.Job(**{"name": "mushroom", "prompt": "a photo of a mushroom", **given})


@pytest.fixture
def status(addon: ModuleType) -> Callable[..., Any]:
    """How it stands with a server."""
    return import_module(f"{PACKAGE}.jobs.state").ServerStatus


def phases() -> tuple[str, ...]:
    return get_args(import_module(f"{PACKAGE}.jobs.job").Phase)


def exists(operator: str) -> bool:
    group, name = operator.split(".")
    return name in dir(getattr(bpy.ops, group))


def properties_of(operator: str) -> set[str]:
    group, name = operator.split(".")
    return set(getattr(getattr(bpy.ops, group), name).get_rna_type().properties.keys())


def icons() -> set[str]:
    return set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


# Times


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "a few seconds left"),
        (12, "about 10 seconds left"),
        (44, "about 40 seconds left"),
        (62, "about a minute left"),
        (118, "about 2 minutes left"),
        (1500, "about 25 minutes left"),
        (3600, "about 1 h left"),
        (6100, "about 1 h 40 min left"),
        (-50, "a few seconds left"),
    ],
)
def test_the_time_left_is_told_as_people_tell_it(text: Any, seconds: float, words: str) -> None:
    assert text("times").time_left(seconds, NOW, NOW) == words


def test_the_time_left_is_counted_down_between_two_messages(text: Any) -> None:
    times = text("times")
    assert times.time_left(180.0, NOW, NOW + 60) == "about 2 minutes left"
    assert times.time_left(None, NOW, NOW) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(7.6, "8 s"), (59.6, "1 min 0 s"), (250, "4 min 10 s"), (3900, "1 h 5 min"), (-1, "0 s")]
)
def test_what_a_job_took_is_told_exactly(text: Any, seconds: float, words: str) -> None:
    assert text("times").took(seconds) == words


# Cards


def test_every_phase_has_words_an_icon_and_its_buttons(ui: Any, new_job: Any) -> None:
    cards = ui("cards")
    wanted = {"ready": ["import_result"], "done": ["import_result"], "cancelling": []}
    wanted |= {phase: ["retry"] for phase in ("failed", "dead", "cancelled", "lost")}
    for phase in phases():
        job = new_job(phase=phase)
        assert cards.stage_words(job), phase
        assert cards.icon_of(job) in icons()
        shown = cards.buttons(job)
        assert [button.operator for button in shown] == [f"realify.{name}" for name in wanted.get(phase, ["cancel"])], (
            phase
        )
        for button in shown:
            assert exists(button.operator) and "key" in properties_of(button.operator) and button.icon in icons()
        is_at_work = phase in ("preparing", "sending", "queued", "running", "cancelling", "fetching")
        assert cards.can_remove(job) == (not is_at_work)


def test_a_job_that_can_be_removed_is_removed(ui: Any, new_job: Any, runtime: ModuleType) -> None:
    """The card offers what can be done, in each phase."""
    trouble = import_module(f"{PACKAGE}.trouble").Trouble
    for phase in phases():
        job = new_job(phase=phase)
        runtime.state.jobs[job.key] = job
        if ui("cards").can_remove(job):
            assert bpy.ops.realify.remove(key=job.key) == {"FINISHED"}
            assert job.key not in runtime.state.jobs
        else:
            with pytest.raises(trouble):
                runtime.actions.remove(job)


@pytest.mark.parametrize(
    ("place", "words"),
    [(None, "Waiting in the queue"), (0, "Next in the queue"), (1, "Waiting behind one job"),
     (7, "Waiting behind 7 jobs")],
)  # fmt: skip
def test_the_place_in_the_queue_is_told(ui: Any, new_job: Any, place: int | None, words: str) -> None:
    assert ui("cards").stage_words(new_job(phase="queued", place=place)) == words


def test_the_bar_is_what_the_server_told(ui: Any, new_job: Any) -> None:
    cards = ui("cards")
    stages = ("read", "fit", "stage1", "stage2", "sample", "bake", "export")
    assert len({cards.stage_words(new_job(phase="running", stage=stage)) for stage in stages}) == 7
    assert cards.progress(new_job(phase="running", stage="fit", step=9, total=10, fraction=0.375)) == 0.375
    assert cards.progress(new_job(phase="running")) == 0
    assert cards.progress(new_job(phase="sending", step=30, total=120)) == 0.25
    assert cards.progress(new_job(phase="queued")) is None


def test_old_cards_are_folded_away_and_jobs_at_work_never(ui: Any, new_job: Any) -> None:
    cards = ui("cards")
    jobs = [new_job(name=str(number), phase="done") for number in range(20)]
    jobs[2].phase = "running"
    near, far = cards.split(jobs)
    assert [job.name for job in near] == ["19", "18", "17", "16", "15", "14", "2"]
    assert [job.name for job in far] == [str(number) for number in range(13, -1, -1) if number != 2]
    assert cards.split(jobs[:3]) == (jobs[2::-1], [])


def test_the_summary_names_the_preset(ui: Any, new_job: Any) -> None:
    assert ui("cards").summary(new_job(preset="high", seed=4)) == "High, seed 4"
    assert ui("cards").summary(new_job(preset="of another server")) == "of another server, seed 0"


# The server's line


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_the_server_has_its_line_and_a_button_that_exists(ui: Any, status: Any, state: str) -> None:
    line = ui("status_line").line_for(status(state, url="http://127.0.0.1:8760"))
    assert line.text and line.icon in icons()
    waits = state in ("connecting", "starting", "ready")
    assert (line.button is None) == waits
    if line.button is not None:
        assert exists(line.button[0]) and line.button[1]


@pytest.mark.parametrize(
    ("url", "text", "operator"),
    [
        ("", "No server runs here", "realify.start_server"),
        ("localhost", "No server runs here", "realify.start_server"),
        ("http://[::1]:8760", "No server runs here", "realify.start_server"),
        ("studio.local", "studio.local does not answer", "realify.check_server"),
        ("https://192.168.1.7:9000", "192.168.1.7 does not answer", "realify.check_server"),
    ],
)
def test_a_silent_server_is_started_here_and_asked_again_elsewhere(
    ui: Any, status: Any, url: str, text: str, operator: str
) -> None:
    line = ui("status_line").line_for(status("unreachable", url=url))
    assert (line.text, line.button[0]) == (text, operator)


def test_ready_says_where_and_whether_it_is_warm(ui: Any, status: Any) -> None:
    line_for = ui("status_line").line_for
    assert line_for(status("ready", url="http://127.0.0.1:1")).text == "Ready on this computer"
    assert line_for(status("ready", url="http://studio.local:8760")).text == "Ready on studio.local"
    warming = status("ready", "the worker loads the prior", url="http://127.0.0.1:1")
    assert line_for(warming).text == "The server warms up" and ui("status_line").is_waiting(warming)


def test_an_address_that_cannot_be_read_leads_to_the_preferences(ui: Any, runtime: ModuleType, wait: Any) -> None:
    runtime.preferences().url = "http://[::1"
    runtime.connect()
    wait(lambda: runtime.state.status.state == "bad_address", "bad address")
    assert ui("status_line").line_for(runtime.state.status).button[0] == "preferences.addon_show"


# The sketch


def test_the_button_says_what_it_does(ui: Any) -> None:
    text = ui("panel").button_text
    assert [text(0, True), text(1, False), text(3, False), text(3, True)] == [
        "Realify", "Realify", "Realify 3 Sketches", "Realify as One",
    ]  # fmt: skip


def test_enums_and_stages_are_the_servers(ui: Any, server: Server) -> None:
    request = urllib.request.Request(f"{server.url}/v1/options", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request) as answer:
        options = json.load(answer)
    rows = {row["key"]: row for row in options["settings"]}
    fields = bpy.types.Object.bl_rna.properties["realify"].fixed_type.properties

    def items(name: str) -> set[str]:
        return set(fields[name].enum_items.keys())

    assert items("preset") == set(options["presets"])
    assert items("backend") == set(options["backends"])
    assert items("texture_size") - {"0"} == {str(each) for each in rows["output.texture_size"]["choices"]}
    panel = ui("panel")
    for name, key, _ in panel.ADVANCED:
        assert name in fields and (key is None or key in rows)
    assert panel.preset_value("draft", "stage1.steps", options) == options["presets"]["draft"]["stage1.steps"]
    assert panel.preset_value("standard", "stage1.steps", options) == rows["stage1.steps"]["default"]
    assert panel.preset_value("standard", "stage1.steps", None) is None


def test_a_field_that_is_left_alone_is_known(ui: Any) -> None:
    sketch = bpy.data.objects.new("sketch", bpy.data.meshes.new("sketch"))
    left_alone = ui("panel").left_alone
    assert all(left_alone(sketch.realify, name) for name, key, _ in ui("panel").ADVANCED if key)
    sketch.realify.stage1_steps, sketch.realify.texture_size = 10, "1024"
    assert not left_alone(sketch.realify, "stage1_steps") and not left_alone(sketch.realify, "texture_size")


def test_a_new_seed_is_another_one(addon: ModuleType) -> None:
    sketch = bpy.data.objects.new("sketch", bpy.data.meshes.new("sketch"))
    bpy.context.collection.objects.link(sketch)
    assert not bpy.ops.realify.new_seed.poll()
    bpy.context.view_layer.objects.active = sketch
    seeds = set()
    for _ in range(3):
        bpy.ops.realify.new_seed()
        seeds.add(sketch.realify.seed)
    assert len(seeds) > 1


def test_the_pie_is_about_the_active_sketchs_job(ui: Any, new_job: Any, runtime: ModuleType) -> None:
    sketch = bpy.data.objects.new("sketch", bpy.data.meshes.new("sketch"))
    bpy.context.collection.objects.link(sketch)
    newest = ui("menus").newest_job
    assert newest(bpy.context) is None
    bpy.context.view_layer.objects.active = sketch
    sketch.realify.uid = "abc"
    for name, phase, sketch_id in (("at work", "running", "abc"), ("done", "done", "abc"), ("else", "queued", "d")):
        job = new_job(name=name, phase=phase, sketch_id=sketch_id)
        runtime.state.jobs[job.key] = job
    assert newest(bpy.context).name == "at work"
    next(iter(runtime.state.jobs.values())).phase = "failed"
    assert newest(bpy.context).name == "done"


# All that drawing code names


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in UI:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield path, node


def test_operators_and_icons_that_are_drawn_exist(addon: ModuleType) -> None:
    named = {
        node.args[0].value for _, node in calls("operator") if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(named) >= 5
    assert not [name for name in named if not exists(name)]
    for name in ("check_server", "start_server", "stop_server", "pair"):  # the preferences' buttons
        assert exists(f"realify.{name}")
    drawn = {
        each.value.value
        for name in ("operator", "label", "prop")
        for _, node in calls(name)
        for each in node.keywords
        if each.arg == "icon" and isinstance(each.value, ast.Constant)
    }
    assert len(drawn) >= 4 and not drawn - icons()


def test_properties_that_are_drawn_exist(runtime: Any) -> None:
    chosen = runtime.preferences()
    fields = bpy.types.Object.bl_rna.properties["realify"].fixed_type.properties
    scene = bpy.types.Scene.bl_rna.properties["realify"].fixed_type.properties
    drawn = {(path.stem, node.args[1].value) for path, node in calls("prop") if isinstance(node.args[1], ast.Constant)}
    assert ("panel", "prompt") in drawn and ("preferences", "token") in drawn
    for file, name in drawn - {("keymap", "type")}:
        if file == "preferences":
            assert name in chosen.bl_rna.properties
        elif file == "panel":
            assert name in fields or name in scene


def test_everything_has_a_tip(ui: Any) -> None:
    without = [
        f"{owner.bl_rna.identifier}.{each.identifier}"
        for owner in (ui("preferences").RealifyPreferences, *ui("properties").CLASSES)
        for each in owner.bl_rna.properties
        if each.identifier not in ("rna_type", "name", "bl_idname") and not each.description
    ]
    without += [
        f"realify.{name}"
        for name in dir(bpy.ops.realify)
        if not getattr(bpy.ops.realify, name).get_rna_type().description
    ]
    assert not without


# Lines, key, address, pictures


def test_long_text_is_broken_where_it_fits(text: Any) -> None:
    wrapped = text("wrapping").wrapped
    assert wrapped("one two three four", 9, len) == ("one two", "three", "four")
    assert wrapped("see http://127.0.0.1:8760/health now", 10, len) == (
        "see", "http://127", ".0.0.1:876", "0/health", "now",
    )  # fmt: skip
    assert wrapped("日本語の長いプロンプト", 8, lambda text: 2 * len(text)) == ("日本語の", "長いプロ", "ンプト")
    assert wrapped("", 9, len) == () and wrapped("ab", 0, len) == ("a", "b")


def test_the_key_does_what_was_chosen(ui: Any, runtime: Any) -> None:
    chosen, keymap = runtime.preferences(), ui("keymap")
    keys = bpy.context.window_manager.keyconfigs.addon.keymaps

    def ours() -> list[str]:
        return [item.idname for item in keys["3D View"].keymap_items if keymap.is_ours(item)]

    for choice, wanted in (("PIE", ["wm.call_menu_pie"]), ("RUN", ["realify.run"]), ("NONE", [])):
        chosen.shortcut = choice
        assert ours() == wanted
    chosen.shortcut = "PIE"
    keymap.unregister()
    assert not ours()
    keymap.register()
    assert ours() == ["wm.call_menu_pie"]
    assert hasattr(bpy.types, keys["3D View"].keymap_items[-1].properties.name)
    chosen.shortcut = "NONE"


def test_no_token_stays_in_a_pasted_link(runtime: Any) -> None:
    chosen = runtime.preferences()
    chosen.url = "http://studio.local:8760/#token=abc-DEF"
    assert (chosen.url, chosen.token) == ("http://studio.local:8760", "abc-DEF")
    chosen.url = "other.local"
    assert (chosen.url, chosen.token) == ("other.local", "abc-DEF")
    chosen.url = "#token=x"
    assert chosen.url == "#token=x"


def test_a_preview_becomes_an_icon_and_goes_with_its_job(ui: Any, new_job: Any, runtime: ModuleType, wait: Any) -> None:
    previews, job = ui("previews"), new_job(phase="done")  # at work it would want the server
    file = runtime.flow.folder / job.key / previews.NAME
    file.parent.mkdir(parents=True)
    runtime.state.jobs[job.key] = job
    previews.refresh()
    assert not previews._icons and previews.icon(job.key) == 0
    # Red over green, and at the right blue, which is the back
    colours = [[(255, 0, 0)] * 8 + [(0, 0, 255)] * 8] * 4 + [[(0, 255, 0)] * 8 + [(0, 0, 255)] * 8] * 4
    write_png(file, np.array(colours, np.uint8))
    previews.refresh()
    wait(lambda: job.key in previews._icons, "icon")  # which has no number in a Blender without windows
    picture = previews._icons[job.key]
    assert tuple(picture.image_size) == (8, 8)
    pixels = np.array(picture.image_pixels_float).reshape(8, 8, 4)
    assert np.array_equal(pixels[0, 0], (0, 1, 0, 1)) and np.array_equal(pixels[7, 7], (1, 0, 0, 1))
    file.write_bytes(b"half a file")
    previews.refresh()
    wait(lambda: not runtime.tasks._running, "end of the thread")
    assert previews._icons[job.key] == picture
    del runtime.state.jobs[job.key]
    previews.refresh()
    assert not previews._icons
    shutil.rmtree(file.parent)


def write_png(file: Path, pixels: np.ndarray) -> None:
    """By Blender."""
    height, width, _ = pixels.shape
    image = bpy.data.images.new("picture", width, height)
    upwards = np.concatenate([pixels[::-1] / 255.0, np.ones((height, width, 1))], 2).astype(np.float32)
    image.pixels.foreach_set(upwards.ravel())
    image.filepath_raw, image.file_format = str(file), "PNG"
    image.save()
    bpy.data.images.remove(image)


# The whole


def test_it_is_enabled_and_disabled_again_and_again(addon: ModuleType) -> None:
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not hasattr(bpy.types.Object, "realify") and not hasattr(bpy.types, "REALIFY_PT_sketch")
        assert not hasattr(bpy.types, "REALIFY_MT_pie")
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        assert hasattr(bpy.types.Object, "realify") and hasattr(bpy.types, "REALIFY_PT_jobs")
    entries = [each for each in bpy.types.VIEW3D_MT_object._dyn_ui_initialize() if each.__module__.startswith(PACKAGE)]
    assert len(entries) == 1
