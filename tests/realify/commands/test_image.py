"""`realify image` as a person uses it: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill.load import load_prior
from distill.rules.registry import RULES
from realify.images.files import TILE, sheet
from realify.images.job import ImageJob
from realify.images.prompts import plan
from realify.job.sheet import MARGIN, PAPER
from tests.distill.priors.tiny_mvdream import save_tiny_mvdream
from tests.realify.images.jobs import about, image, pixels

ROOT = Path(__file__).parents[3]
FEW = ("--steps", 4)


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    """Red over blue, wider than high."""
    colors = np.full((40, 60, 3), (200, 40, 30), np.uint8)
    colors[20:] = (30, 60, 180)
    Image.fromarray(colors).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_row_of_pictures_from_the_prior_that_is_always_there(tmp_path: Path) -> None:
    out = tmp_path / "new" / "apples.png"
    wanted = ("text", "a red apple", "--rule", "sds", "--count", 2, "--view", "front", "--background", "grey", *FEW)
    done = image(*wanted, "-o", out, "--enlarge", 2, "--json")
    assert done.code == 0, done.told
    assert size_of(out) == (256, 128)
    assert done.made["files"] == [str(out)] and done.made["nfe"] == 8 and done.made["warnings"] == []
    told = about(out)
    assert told["Description"] == "a red apple" and told["seed"] == 0 and told["done"] == told["steps"] == 4
    assert told["stages"][0]["rule"] == "sds" and told["out"] == "apples.png"
    folder = Path(done.made["folder"])
    assert folder.name == "apples.png.realify" and list(folder.glob("previews/*.png"))
    assert not list(folder.glob("*.safetensors"))
    assert image(*wanted, "-o", tmp_path / "again.png", "--enlarge", 2).code == 0
    assert np.array_equal(pixels(tmp_path / "again.png"), pixels(out))
    assert image(*wanted, "-o", tmp_path / "other.png", "--enlarge", 2, "--seed", 1).code == 0
    assert not np.array_equal(pixels(tmp_path / "other.png"), pixels(out))


DRAWN = [(rule, "latent") for rule, entry in RULES.items() if not entry.edits] + [("bridge", "pixels")]


@pytest.mark.parametrize(("rule", "parameters"), DRAWN, ids=" on ".join)
def test_every_rule_draws_on_latents_and_on_pixels(
    rule: str,
    parameters: str,
    tiny_prior: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.png"
    # Four steps leave a rule with three quarters before it one of its own.
    done = image(
        "text", "a cup", "-o", out, "--prior", tiny_prior, "--rule", rule, "--parameters", parameters, *FEW, "--json"
    )
    assert done.code == 0, done.told
    assert size_of(out) == (32, 32) and done.made["nfe"] >= 8
    assert [stage["rule"] for stage in about(out)["stages"]][-1] == rule


@pytest.mark.parametrize("rule", ["bridge", "dds", "sds"])
def test_a_painting_is_where_it_begins(rule: str, painting: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = image("paint", painting, "an apple", "-o", out, "--rule", rule, *FEW, "--lr", "1e-3", "--json")
    assert done.code == 0, done.told
    assert "painting.png is 60 x 40" in done.told and "It moved by 0.00" in done.told
    assert done.made["moved"] < 0.01 and done.made["kept"] > 0.99
    assert size_of(out) == (64, 64)
    assert pixels(out)[5, 32, 0] > 180 and pixels(out)[-5, 32, 2] > 160
    stages = about(out)["stages"]
    assert [stage["rule"] for stage in stages] == [rule] and stages[0]["steps"] == 4
    assert about(out)["picture"] == "painting.png"


def test_the_domain_is_in_the_source_alone(painting: Path, tiny_prior: Path, tmp_path: Path) -> None:
    """The bridge, which starts from the source, sees it; SDS, which does not, draws the same."""

    def draw(rule: str, domain: str) -> np.ndarray:
        out = tmp_path / f"{rule} {domain}.png"
        wanted = ("--prior", tiny_prior, "--rule", rule, "--domain", domain, "--lr", ".1", *FEW)
        assert image("paint", painting, "a cup", "-o", out, *wanted).code == 0
        return pixels(out)

    assert not np.array_equal(draw("bridge", "oil painting"), draw("bridge", "pencil sketch"))
    assert np.array_equal(draw("sds", "oil painting"), draw("sds", "pencil sketch"))


def test_a_painting_takes_the_steps_beside_the_first_stage(tiny_prior: Path, tmp_path: Path) -> None:
    """The paper's 2,500 steps are 500 of SDS and 2,000 of the bridge."""
    prior = load_prior(str(tiny_prior))
    job = ImageJob("text", ("a cup",), tmp_path / "x.png")
    assert [(stage.name, stage.steps) for stage in plan(job, prior, None)] == [("sds", 500), ("bridge", 2000)]
    paint = replace(job, task="paint")
    assert [(stage.name, stage.steps) for stage in plan(paint, prior, None)] == [("bridge", 2000)]
    assert [(stage.name, stage.steps) for stage in plan(replace(paint, steps=7), prior, None)] == [("bridge", 7)]


def test_an_illusion_is_a_sheet_and_two_films(tmp_path: Path, tiny_prior: Path) -> None:
    out = tmp_path / "four.png"
    prompts = ("a red apple", "ein Apfel, grün", "赤い林檎", "🍎")
    done = image(
        "illusion", *prompts, "-o", out, "--prior", tiny_prior, "--rule", "sds", "--enlarge", 3, *FEW, "--json"
    )
    assert done.code == 0, done.told
    films = [tmp_path / "four.base.png", tmp_path / "four.rotator.png"]
    assert done.made["files"] == [str(out), *map(str, films)]
    assert all(size_of(film) == (96, 96) for film in films)
    assert size_of(out)[0] > 4 * TILE and size_of(out)[1] > 2 * TILE
    assert about(films[0])["Description"] == " | ".join(prompts) and about(out)["prompts"] == list(prompts)


def test_a_caption_of_any_length_and_script_stays_above_its_picture() -> None:
    captions = ["short", "a long caption " * 30, "長" * 200, "🍎" * 90, "x" * 300]
    page = np.asarray(sheet([{caption: Image.new("RGB", (64, 64), "red") for caption in captions}]))
    red = (page == (255, 0, 0)).all(-1)
    assert red.sum() == len(captions) * TILE**2, "a caption is over a picture"
    middle = MARGIN // 2  # of what is left of a picture
    assert (page[:, middle :: TILE + MARGIN] == PAPER).all(), "a caption is beside its picture"


def test_warnings_name_what_was_cut_and_what_is_unknown(tmp_path: Path) -> None:
    prompt = "a spaceship " + "very " * 60 + "big"
    done = image("text", prompt, "-o", tmp_path / "out.png", "--steps", 2, "--rule", "sds", "--json")
    assert done.code == 0
    assert "not read" in done.told and "has not learnt" in done.told
    assert len(done.made["warnings"]) == 2


def test_constants_are_used_and_told(tiny_prior: Path, tmp_path: Path) -> None:
    wanted = ("text", "a cup", "--prior", tiny_prior, "--rule", "ism", *FEW)
    given = ("--constant", "guidance_scale=30", "--constant", "interval=.2,.1", "--constant", "inversion_steps=2")
    assert image(*wanted, "-o", tmp_path / "a.png", *given).code == 0
    (stage,) = about(tmp_path / "a.png")["stages"]
    assert (stage["guidance_scale"], stage["interval"], stage["inversion_steps"]) == (30.0, [0.2, 0.1], 2)
    assert image(*wanted, "-o", tmp_path / "b.png").code == 0
    assert not np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))


MISTAKES = [
    (["text"], "PROMPT and -o missing"),
    (["paint", "-o", "x.png"], "PICTURE and PROMPT missing"),
    (["text", "a cup", "-o", "x.jpg"], "end in .png"),
    (["text", "a cup", "-o", "x.png", "--rule", "brigde"], "Did you mean bridge?"),
    (["text", "a cup", "-o", "x.png", "--rule", "dds"], "realify image paint PICTURE PROMPT --rule dds"),
    (["illusion", "a", "b", "c", "d", "-o", "x.png", "--rule", "dds"], "edits a picture"),
    (["illusion", "a", "b", "-o", "x.png"], "takes four"),
    (["text", "  ", "-o", "x.png"], "prompt is empty"),
    (["text", "a\x1bcup", "-o", "x.png"], "control character"),
    (["text", "a \udcff cup", "-o", "x.png"], "no UTF-8"),
    (["text", "a cup", "-o", "x.png", "--steps", "0"], "--steps is 0"),
    (["text", "a cup", "-o", "x.png", "--lr", "nan"], "--lr is nan"),
    (["text", "a cup", "-o", "x.png", "--count", "1000"], "from 1 to 64"),
    (["text", "a cup", "-o", "x.png", "--parameters", "voxels"], "latent or pixels"),
    (["text", "a cup", "-o", "x.png", "--dtype", "int8"], "float32"),
    (["text", "a cup", "-o", "x.png", "--prior", "no/such"], "fetch no/such"),
    (["text", "a cup", "-o", "x.png", "--constant", "w"], "--constant w=VALUE"),
    (["text", "a cup", "-o", "x.png", "--constant", "w=1", "--constant", "w=2"], "given twice"),
    (["paint", "nothing.png", "a cup", "-o", "x.png"], "no file"),
    (["text", "--resume", str(ROOT)], "holds no run"),
]


@pytest.mark.parametrize(("arguments", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_users_mistake_is_one_clear_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = image(*arguments)
    assert done.code == 2
    assert told in done.told and "error: " in done.told
    assert not list(tmp_path.iterdir()), "something was written"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--view", "top"], "front (front view)"),
        (["--background", "red"], "has no names for them"),
        (["--constant", "weight=heavy"], "takes a number"),
        (["--constant", "weigth=3"], "weight, weighting"),
        (["--constant", "weighting=none"], "uniform or sigma_squared"),
        (["--constant", "first=2"], "0 to 1"),
        (["--constant", "first=1"], "Give it more --steps"),
        (["--rule", "vsd", "--constant", "lora_rank=1.5"], "a whole number"),
    ],
    ids=str,
)
def test_what_the_prior_or_the_rule_lacks_is_told_with_what_there_is(
    given: list[str],
    told: str,
    tiny_prior: Path,
    tmp_path: Path,
) -> None:
    done = image("text", "a cup", "-o", tmp_path / "x.png", "--prior", tiny_prior, *given)
    assert done.code == 2
    assert told in done.told
    assert not list(tmp_path.iterdir()), "something was written"


def test_a_prior_of_several_views_draws_them_on_one_canvas_and_paints_nothing(painting: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "prior", tmp_path / "out.png"
    save_tiny_mvdream(folder)
    done = image("text", "a cup", "-o", out, "--prior", folder, "--rule", "sds", *FEW, "--json")
    assert done.code == 0, done.told
    assert done.made["nfe"] == 8 and size_of(out)[0] == load_prior(str(folder)).card.resolution
    done = image("paint", painting, "a cup", "-o", out, "--prior", folder)
    assert done.code == 2 and "draws 4 views" in done.told and "realify image text" in done.told


def test_the_folder_of_something_else_is_left_alone(tiny_prior: Path, tmp_path: Path) -> None:
    folder = tmp_path / "x.png.realify"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    done = image("text", "a cup", "-o", tmp_path / "x.png", "--prior", tiny_prior)
    assert done.code == 2 and "holds no run" in done.told


def test_help_names_every_rule_and_the_list_says_what_they_are_for() -> None:
    for command in ("text", "paint", "illusion"):
        shown = image(command, "--help").printed
        assert all(name in shown for name in RULES)
    shown = image("rules").printed
    assert all(entry.use in shown for entry in RULES.values())


def test_nothing_heavy_is_imported_before_a_command_needs_it() -> None:
    script = """
import json, sys
from realify.commands.cli import build_app
for arguments in (["image", "--help"], ["image", "text"], ["image", "illusion", "a", "-o", "x.png"]):
    try:
        build_app()(arguments)
    except SystemExit:
        pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert "realify" in modules and not {"torch", "numpy", "diffusers", "transformers", "PIL"} & modules
