"""`realify prior list`, `fetch`, `check` and `words`, as one runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distill.hub.catalog import CATALOG
from realify.commands.cli import build_app
from tests.distill.hub.tiny_hub import Repository, TinyHub
from tests.distill.priors.tiny_controlnet import save_tiny_controlnet
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.distill.priors.tiny_stable_diffusion import save_tiny

REALIFY = Path(sys.executable).with_name("realify")
ROOT = Path(__file__).parents[3]
SD21 = CATALOG["sd21"].sources[0]


def realify(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    settings |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", **environment}
    return subprocess.run([REALIFY, *arguments], capture_output=True, text=True, timeout=900, env=settings)


def here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has torch imported already; for what does not depend on the environment."""
    done = CliRunner().invoke(build_app(), arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_tiny(tmp_path_factory.mktemp("tiny") / "model", prediction_type="v_prediction")
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture()
def hub(model: Path) -> Iterator[TinyHub]:
    hub = TinyHub({SD21.repository: Repository(model, [SD21.revision or ""])})
    yield hub
    hub.close()


@pytest.fixture()
def there(hub: TinyHub, tmp_path: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, realify.commands.prior; print({'torch', 'diffusers', 'huggingface_hub'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "set()\n"


# list


def test_lists_every_alias_with_what_it_needs(tmp_path: Path) -> None:
    lines = realify("prior", "list", HF_HOME=str(tmp_path)).stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert rows.keys() >= CATALOG.keys()
    assert "2.1 / 4.3 GB" in rows["sd15"] and " no " in rows["sd15"] and "451f4fe1" in rows["sd15"]
    assert "gated" in rows["sd35"] and "Stability AI Community" in rows["sd35"]
    assert any(line.startswith("embedded is in ") for line in lines)
    assert not any(line.startswith("sd15 is in ") for line in lines)


def test_lists_json_for_programs(tmp_path: Path) -> None:
    listed = {row["name"]: row for row in json.loads(realify("prior", "list", "--json", HF_HOME=str(tmp_path)).stdout)}
    assert listed.keys() == CATALOG.keys()
    assert listed["sdxl"]["sources"][0]["revision"] == CATALOG["sdxl"].sources[0].revision
    assert listed["sdxl"]["folder"] is None and Path(listed["embedded"]["folder"]).is_dir()


# fetch


def test_fetches_lists_and_checks(there: dict[str, str]) -> None:
    missing = realify("prior", "check", "sd21", **there)
    assert missing.returncode == 2 and "realify prior fetch sd21" in missing.stderr
    fetched = realify("prior", "fetch", "sd21", "--full", **there)
    assert fetched.returncode == 0, fetched.stderr
    assert f"{SD21.repository} at {(SD21.revision or '')[:12]}" in fetched.stderr
    folder = fetched.stdout.split("sd21 is in ")[1].splitlines()[0]
    assert f"sd21 is in {folder}" in realify("prior", "list", **there).stdout
    checked = realify("prior", "check", "sd21", "--device", "cpu", "--json", **there)
    assert json.loads(checked.stdout)["folder"] == folder


def test_shows_how_far_a_download_is(there: dict[str, str]) -> None:
    assert "100%" in realify("prior", "fetch", "sd21", "--full", **there).stderr


def test_embedded_needs_no_fetch(tmp_path: Path) -> None:
    fetched = realify("prior", "fetch", "embedded", HF_HOME=str(tmp_path), HF_ENDPOINT="http://127.0.0.1:9")
    assert fetched.returncode == 0 and "nothing to fetch" in fetched.stdout


def test_refusals_are_told_in_words(there: dict[str, str], hub: TinyHub, model: Path) -> None:
    source = CATALOG["sd35"].sources[0]
    hub.repositories[source.repository] = Repository(model, [source.revision or ""], gated=True)
    gated = realify("prior", "fetch", "sd35", "--half", **there)
    assert gated.returncode == 2 and "hf auth login" in gated.stderr and "Traceback" not in gated.stderr
    unknown = realify("prior", "fetch", "sd2", **there)
    assert unknown.returncode == 2 and "nearest first: sd21" in unknown.stderr


def test_offline_says_what_to_do(tmp_path: Path) -> None:
    offline = realify("prior", "fetch", "sd15", "--full", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert offline.returncode == 2 and "HF_HUB_OFFLINE is set" in offline.stderr and "cp -rL" in offline.stderr


# check


def test_checks_the_embedded_prior() -> None:
    shown = realify("prior", "check", "embedded", "--device", "cpu", "--dtype", "float32").stdout
    told = dict(line.split("  ", 1) for line in shown.splitlines())
    told = {label: value.strip() for label, value in told.items()}
    assert told["device, format"] == "cpu, float32" and told["finite"] == "yes"
    assert "v_prediction" in told["the network"] and told["prompt"] == "56 tokens"
    assert float(told["two prompts"].split()[0]) > 0 and float(told["memory, at most"].split()[0]) > 0


def test_checks_a_folder(model: Path) -> None:
    seen = json.loads(here("prior", "check", str(model), "--device", "cpu", "--json").stdout)
    assert seen["parametrization"] == "v_prediction" and seen["family"] == "Stable Diffusion 1 or 2"
    assert seen["shape"] == [4, 8, 8] and seen["resolution"] == 32 and seen["finite"] is True
    assert seen["network_parameters"] > 0 and 0 <= seen["peak_bytes"] < 2**31  # by how much this process grew for it


def test_checks_a_prior_with_a_controlnet_beside(model: Path, tmp_path: Path) -> None:
    save_tiny_controlnet(tmp_path / "depth", model)
    arguments = ["prior", "check", str(model), "--controlnet", str(tmp_path / "depth"), "--device", "cpu", "--json"]
    assert json.loads(here(*arguments).stdout)["finite"] is True


def test_checks_a_guided_prior_with_its_head(tmp_path: Path) -> None:
    folder = save_tiny_guided(tmp_path / "guided")
    seen = json.loads(here("prior", "check", str(folder), "--device", "cpu", "--json").stdout)
    assert seen["finite"] is True and seen["shape"] == [48, 8, 8] and seen["resolution"] == 32
    weights = sum(tensor.numel() for part in ("unet", "head") for tensor in weights_in(folder / part).values())
    assert seen["network_parameters"] == weights


def weights_in(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "diffusion_pytorch_model.safetensors")


@pytest.mark.cuda
def test_memory_on_cuda_is_what_was_allocated() -> None:
    seen = json.loads(realify("prior", "check", "embedded", "--device", "cuda", "--json").stdout)
    assert seen["device"].startswith("cuda") and 2 * seen["network_parameters"] < seen["peak_bytes"] < 2**31


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.safetensors", "unet/config.json"])
def test_broken_files_are_told_in_words(tmp_path: Path, name: str) -> None:
    folder = save_tiny(tmp_path / "broken")
    (folder / name).write_bytes(b"\0 not what it was")
    shown = here("prior", "check", str(folder), "--device", "cpu")
    assert shown.returncode == 2 and "error: " in shown.stderr and "Traceback" not in shown.stderr


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = save_tiny(tmp_path / "broken")
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["conv_out.bias"] = torch.full_like(weights["conv_out.bias"], float("nan"))
    save_file(weights, file, {"format": "pt"})
    shown = here("prior", "check", str(folder), "--device", "cpu")
    assert shown.returncode == 2 and "not finite" in shown.stderr and "NO" in shown.stdout


def test_a_controlnet_is_no_prior_by_itself() -> None:
    shown = here("prior", "check", "controlnet-depth-sd15")
    assert shown.returncode == 2 and "prior check sd15 --controlnet controlnet-depth-sd15" in shown.stderr


@pytest.mark.parametrize("wrong", [["--device", "quantum"], ["--dtype", "float8"]])
def test_unknown_devices_and_formats_name_the_known(wrong: list[str]) -> None:
    shown = here("prior", "check", "embedded", *wrong)
    assert shown.returncode == 2 and ("cpu" in shown.stderr or "bfloat16" in shown.stderr)


def test_a_run_with_an_unknown_prior_names_the_aliases(tmp_path: Path) -> None:
    sketch = ROOT / "examples/sketches/mushroom.glb"
    out = str(tmp_path / "out.glb")
    shown = here("run", str(sketch), "-p", "a red mushroom", "-o", out, "--preset", "draft", "--prior", "sdlx")
    assert shown.returncode == 2 and "nearest first: sdxl" in shown.stderr


# words


def test_lists_what_the_embedded_prior_knows() -> None:
    shown = here("prior", "words")
    assert shown.returncode == 0
    lines = {line.split("  ")[0]: line for line in shown.stdout.splitlines() if "  " in line}
    assert "mushroom" in lines["objects"] and "red" in lines["colors"] and "side view" in lines["views"]


def test_prints_json_for_programs() -> None:
    groups = json.loads(here("prior", "words", "--json").stdout)
    assert {"objects", "colors", "materials", "views", "backgrounds"} <= groups.keys()


def test_a_prior_without_a_card_knows_no_list(tmp_path: Path) -> None:
    assert "write freely" in here("prior", "words", str(tmp_path)).stdout


def test_a_missing_prior_says_how_to_get_it(tmp_path: Path) -> None:
    shown = realify("prior", "words", "nobody/nothing", HF_HOME=str(tmp_path))
    assert shown.returncode == 2 and "realify prior fetch nobody/nothing" in shown.stderr
    assert "hf download nobody/nothing" in shown.stderr
