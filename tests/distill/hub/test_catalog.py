"""The catalog of priors, finding one on this machine, and fetching one from a hub over real HTTP."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from distill.hub.catalog import CATALOG, nearest_first
from distill.hub.files import NoSafetensors, needed_files
from distill.hub.locate import COMMIT, EMBEDDED, MissingPrior, find_prior, sources_of
from tests.distill.hub.tiny_hub import Repository, TinyHub
from tests.distill.priors.tiny_stable_diffusion import save_tiny

ROOT = Path(__file__).parents[3]
FIRST, SECOND, LAST = (source.repository for source in CATALOG["sd21base"].sources)
COMMITS = {source.repository: source.revision or "" for source in CATALOG["sd21base"].sources}
NEWER = "b" * 40
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion as the hub holds them: two precisions, pickles, a checker and a readme beside."""
    folder = save_tiny(tmp_path_factory.mktemp("hub") / "model")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}', encoding="utf-8")
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"):
        weights = load_file(folder / f"{name}.safetensors")
        metadata = {"format": "pt"}
        save_file({key: value.half() for key, value in weights.items()}, folder / f"{name}.fp16.safetensors", metadata)
        (folder / f"{name}.bin").write_bytes(b"a pickle")
    for name in ("README.md", "v2-1_512-ema-pruned.safetensors", "safety_checker/model.safetensors", "unet/code.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not needed")
    return folder


@pytest.fixture()
def hub(model: Path) -> Iterator[TinyHub]:
    hub = TinyHub({name: Repository(model, [commit]) for name, commit in COMMITS.items()})
    yield hub
    hub.close()


@pytest.fixture()
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def environment(hub: TinyHub | str, home: Path) -> dict[str, str]:
    address = hub if isinstance(hub, str) else hub.address
    settings = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    settings |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
    return {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | settings


def python(code: str, hub: TinyHub | str, home: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own: the hub's library reads its address and its cache's place once."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment(hub, home), capture_output=True, text=True, timeout=120, cwd=ROOT)


def fetch(hub: TinyHub | str, home: Path, name: str = "sd21base", more: str = "") -> subprocess.CompletedProcess[str]:
    """Prints the folder, or fails with the error's message and fix."""
    return python(
        "import sys; from distill.hub.fetch import FetchError, fetch_prior\n"
        f"try: print(fetch_prior({name!r}, tell=lambda line: print(line, file=sys.stderr){more}))\n"
        "except FetchError as error: sys.exit(f'{error}\\n{error.fix}')",
        hub,
        home,
    )


def find(home: Path, name: str = "sd21base", more: str = "") -> subprocess.CompletedProcess[str]:
    code = f"from distill.hub.locate import find_prior; print(find_prior({name!r}{more}))"
    return python(code, "http://none.invalid", home)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# The catalog


def test_entries_are_whole() -> None:
    for name, entry in CATALOG.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert bool(entry.sources) == (name != "embedded")
        for source in entry.sources:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
            assert source.revision is None or COMMIT.fullmatch(source.revision)
        assert 0 <= entry.half_gb <= entry.full_gb and entry.half_gb < entry.memory_gb
        assert entry.licence and entry.resolution % 64 == 0
        assert bool(entry.control) == bool(entry.beside) == (entry.family == "ControlNet")
        assert entry.beside in ("", *CATALOG) and (entry.control or "") in name


def test_families_are_those_that_run() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "distill/priors").glob("*.py"))
    assert {entry.family for entry in CATALOG.values()} <= {*re.findall(r'    family = "(.*)"', code), "ControlNet"}


LIKE = {"sdx": "sdxl", "SD 1.5": "sd15", "stable-diffusion-2-1": "sd21", "embeded": "embedded", "mv-dream": "mvdream"}


@pytest.mark.parametrize(("written", "meant"), LIKE.items())
def test_what_looks_alike_comes_first(written: str, meant: str) -> None:
    assert nearest_first(written)[0] == meant and sorted(nearest_first(written)) == sorted(CATALOG)


def test_the_page_lists_the_catalog() -> None:
    page = (ROOT / "docs/priors.md").read_text(encoding="utf-8")
    for name, entry in CATALOG.items():
        row = next((line for line in page.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert row, f"docs/priors.md has no row for {name}"
        said = [entry.family, str(entry.resolution), entry.licence, *(f"{size:g}" for size in (entry.full_gb,) if size)]
        said += [f"{source.repository} @ {(source.revision or 'newest')[:8]}" for source in entry.sources]
        assert all(each in row for each in said), f"docs/priors.md is stale: {name} wants {said}"
        assert ("gated" in row) == entry.gated


# Names


def test_unknown_names_list_the_aliases_the_nearest_first() -> None:
    with pytest.raises(MissingPrior, match=r"'sdx' is not known.*: sdxl, .*embedded"):
        sources_of("sdx")
    with pytest.raises(MissingPrior, match="no such folder"):
        sources_of("./sd15")


def test_embedded_and_folders_are_found_as_they_are(tmp_path: Path) -> None:
    assert find_prior("embedded") == EMBEDDED
    assert find_prior(str(tmp_path)) == tmp_path


def test_an_alias_is_no_folder_but_a_path_is(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sdxl").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_prior("./sdxl") == Path("./sdxl")
    missing = find(home, "sdxl")
    assert "realify prior fetch sdxl" in missing.stderr and "6.9 GB" in missing.stderr


# Which files


def names(*parts: str) -> list[str]:
    return sorted(["model_index.json", "scheduler/scheduler_config.json", *parts])


def test_one_precision_of_each_part_is_needed() -> None:
    both = ["unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors"]
    alone = ["vae/diffusion_pytorch_model.safetensors"]
    others = ["unet/diffusion_pytorch_model.non_ema.safetensors", "unet/model.onnx", "image_encoder/model.safetensors"]
    held = names(*both, *alone, *others, "sd_xl_base_1.0.safetensors", "README.md", "tokenizer/spiece.model")
    assert needed_files(held, half=False) == names(both[0], *alone, "tokenizer/spiece.model")
    assert needed_files(held, half=True) == names(both[1], *alone, "tokenizer/spiece.model")


@pytest.mark.parametrize("shard", ["model.fp16-{}.safetensors", "model-{}.fp16.safetensors"])
def test_shards_come_with_their_list(shard: str) -> None:
    unet = "unet/diffusion_pytorch_model.safetensors"
    plain = [f"text_encoder_3/model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    half = [f"text_encoder_3/{shard.format(f'0000{number}-of-00002')}" for number in (1, 2)]
    lists = ["text_encoder_3/model.safetensors.index.json", "text_encoder_3/model.safetensors.index.fp16.json"]
    held = names(unet, *plain, *half, *lists, "text_encoder_3/config.json")
    assert needed_files(held, half=False) == names(unet, *plain, lists[0], "text_encoder_3/config.json")
    assert needed_files(held, half=True) == names(unet, *half, lists[1], "text_encoder_3/config.json")
    alone = names(unet, *half, lists[1])
    assert needed_files(alone, half=False) == needed_files(alone, half=True) == alone


def test_what_there_is_only_in_half_precision_is_taken() -> None:
    for variant in ("fp16", "bf16"):
        held = names(f"transformer/diffusion_pytorch_model.{variant}.safetensors")
        assert needed_files(held, half=False) == needed_files(held, half=True) == held


def test_a_controlnet_lies_at_the_root() -> None:
    held = ["README.md", "config.json", "control_net_depth.py", "diffusion_pytorch_model.bin", "images/input.png"]
    held += ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"]
    assert needed_files(held, half=False) == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert needed_files(held, half=True) == ["config.json", "diffusion_pytorch_model.fp16.safetensors"]


def test_pickles_are_refused() -> None:
    with pytest.raises(NoSafetensors, match="unet holds pickled weights"):
        needed_files(names("unet/diffusion_pytorch_model.bin"), half=False)
    with pytest.raises(NoSafetensors, match="pickled"):
        needed_files(["config.json", "diffusion_pytorch_model.bin"], half=False)
    with pytest.raises(NoSafetensors, match="neither"):
        needed_files(["README.md"], half=False)


# Fetching


@pytest.mark.parametrize("half", [False, True])
def test_only_the_needed_files_come(hub: TinyHub, home: Path, model: Path, half: bool) -> None:
    assert find(home).returncode != 0
    fetched = fetch(hub, home, more=f", half={half}")
    folder = Path(fetched.stdout.strip())
    assert files(folder) == set(needed_files(files(model), half))
    assert folder.name == COMMITS[FIRST]
    assert find(home).stdout == fetched.stdout
    assert hub.downloads(SECOND) == []


def test_a_second_fetch_asks_nothing(hub: TinyHub, home: Path) -> None:
    fetch(hub, home)
    hub.log.clear()
    assert fetch(hub, home).returncode == 0 and hub.log == []
    # The other precision is another wish, and brings its weights alone.
    assert fetch(hub, home, more=", half=True").returncode == 0
    assert len(hub.downloads(FIRST)) == 3 and all(".fp16." in path for path in hub.downloads(FIRST))


def test_the_next_mirror_is_taken_where_the_first_is_gone(hub: TinyHub, home: Path) -> None:
    del hub.repositories[FIRST]
    fetched = fetch(hub, home)
    assert Path(fetched.stdout.strip()).name == COMMITS[SECOND]
    assert f"{FIRST}: gone" in fetched.stderr
    assert find(home).stdout == fetched.stdout


def test_a_mirror_without_the_pinned_commit_is_passed_over(hub: TinyHub, home: Path) -> None:
    hub.repositories[FIRST].commits = [NEWER]
    fetched = fetch(hub, home)
    assert Path(fetched.stdout.strip()).name == COMMITS[SECOND] and "no longer has this commit" in fetched.stderr


def test_all_gone_says_what_each_answered(hub: TinyHub, home: Path) -> None:
    hub.repositories.clear()
    failed = fetch(hub, home)
    assert failed.returncode == 1
    assert all(f"{repository}: gone" in failed.stderr for repository in (FIRST, SECOND, LAST))


def test_gated_says_where_to_accept_and_how_to_log_in(hub: TinyHub, home: Path, model: Path) -> None:
    source = CATALOG["sd35"].sources[0]
    hub.repositories[source.repository] = Repository(model, [source.revision or ""], gated=True)
    failed = fetch(hub, home, "sd35")
    assert failed.returncode == 1
    assert f"{hub.address}/{source.repository}" in failed.stderr and "hf auth login" in failed.stderr
    assert find(home, "sd35").returncode != 0


def test_pickles_alone_are_not_fetched(hub: TinyHub, home: Path, tmp_path: Path, model: Path) -> None:
    pickled = shutil.copytree(model, tmp_path / "pickled", ignore=shutil.ignore_patterns("*.safetensors"))
    hub.repositories["some/body"] = Repository(pickled, [NEWER])
    failed = fetch(hub, home, "some/body")
    assert failed.returncode == 1 and "pickled weights alone" in failed.stderr
    assert hub.downloads("some/body") == []


def test_a_broken_connection_goes_on_where_it_broke(hub: TinyHub, home: Path, tmp_path: Path) -> None:
    megabytes = 24 * 2**20  # the hub's library writes ten of them at a time
    (tmp_path / "large/unet").mkdir(parents=True)
    (tmp_path / "large" / UNET).write_bytes(os.urandom(megabytes))
    hub.repositories["some/body"] = Repository(tmp_path / "large", [NEWER], breaks=UNET, breaks_at=megabytes - 1000)
    folder = Path(fetch(hub, home, "some/body").stdout.strip())
    assert (folder / UNET).read_bytes() == (tmp_path / "large" / UNET).read_bytes()
    assert [asked for method, _, asked in hub.log if method == "GET"][-2:] == [None, f"bytes={20 * 2**20}-"]


def test_an_ended_fetch_keeps_the_whole_files(hub: TinyHub, home: Path, model: Path) -> None:
    others = set(needed_files(files(model), half=False)) - {UNET}
    hub.repositories[FIRST].breaks, hub.repositories[FIRST].always_breaks = UNET, True
    command = [sys.executable, "-c", "from distill.hub.fetch import fetch_prior; fetch_prior('sd21base')"]
    with subprocess.Popen(command, env=environment(hub, home), cwd=ROOT, stderr=subprocess.DEVNULL) as going:
        snapshot = home / "hub" / f"models--{FIRST.replace('/', '--')}" / "snapshots" / COMMITS[FIRST]
        deadline = time.monotonic() + 60
        while files(snapshot) != others and time.monotonic() < deadline:
            time.sleep(0.05)
        going.kill()
    partly = find(home)
    assert partly.returncode != 0 and "only partly on this machine: 1 of its files are missing" in partly.stderr
    assert "realify prior fetch sd21base" in partly.stderr
    hub.repositories[FIRST].breaks = ""
    hub.log.clear()
    assert fetch(hub, home).returncode == 0
    assert hub.downloads(FIRST) == [UNET]


def test_without_a_connection_it_says_how_to_do_without(home: Path) -> None:
    begun = time.monotonic()
    failed = fetch("http://127.0.0.1:9", home)
    assert failed.returncode == 1 and time.monotonic() - begun < 15
    assert "no connection to http://127.0.0.1:9" in failed.stderr and FIRST in failed.stderr and SECOND in failed.stderr
    assert "realify prior fetch sd21base" in failed.stderr and "cp -rL" in failed.stderr


def test_what_does_not_fit_on_the_disk_is_not_begun(hub: TinyHub, home: Path) -> None:
    hub.repositories[FIRST].extra = {"unet/diffusion_pytorch_model.safetensors": 10**15}
    failed = fetch(hub, home)
    assert failed.returncode == 1 and "needs 1000000.0 GB more" in failed.stderr and "HF_HOME" in failed.stderr
    assert hub.downloads(FIRST) == []


# Pins


def test_an_unpinned_repository_keeps_the_commit_that_was_fetched(hub: TinyHub, home: Path, model: Path) -> None:
    older = "a" * 40
    hub.repositories["some/body"] = Repository(model, [older])
    assert Path(fetch(hub, home, "some/body").stdout.strip()).name == older
    hub.repositories["some/body"].commits.append(NEWER)
    assert Path(fetch(hub, home, "some/body", ", half=True").stdout.strip()).name == older
    # The hub's own name may move, as it does when another program fetches; what loads stays.
    (home / "hub/models--some--body/refs/main").write_text(NEWER, encoding="utf-8")
    assert Path(find(home, "some/body").stdout.strip()).name == older
    # A branch is asked for by name.
    assert Path(fetch(hub, home, "some/body", ", revision='main'").stdout.strip()).name == NEWER
    assert Path(find(home, "some/body").stdout.strip()).name == NEWER
    assert Path(find(home, "some/body", ", revision='main'").stdout.strip()).name == NEWER


def test_to_find_a_prior_never_downloads_it(hub: TinyHub, home: Path) -> None:
    code = "from distill.hub.locate import find_prior; print(find_prior('sd21base'))"
    assert python(code, hub, home).returncode != 0 and hub.log == []


def test_a_cache_without_lists_of_files_is_believed(hub: TinyHub, home: Path) -> None:
    folder = Path(fetch(hub, home).stdout.strip())
    shutil.rmtree(folder.parents[1] / "trees")
    assert find(home).stdout.strip() == str(folder)
