"""A training run learns, goes on after it was killed, and is the same in all its processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from distill.load import EMBEDDED, load_prior
from tests.training.tiny_world import tiny_renders, write_shard
from training import train as module
from training.network import schedule
from training.pictures import Renders
from training.train import Plan, State, begin, draw_timesteps, learning_rate, main, parse

ROOT = Path(__file__).parents[2]
BATCH = 4


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty objects, two of them held out."""
    return write_shard(tmp_path_factory.mktemp("data") / "tiny.tar", tiny_renders(range(40)))


@pytest.fixture(scope="module")
def tiny_prior(shard: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained prior, as --channels 32,64 begins with."""
    out = tmp_path_factory.mktemp("prior")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "world_captions", lambda: ["a photo of a disc"])  # the world's things take long to make
        shape = ["--size", "32", "--channels", "32,64", "--head", "2,8,1", "--max-tokens", "24", "--tone", "64"]
        plan = parse([*arguments(shard, out), *shape])
        renders = module.read_renders(plan.data)
        torch.manual_seed(0)
        state = begin(plan, renders, torch.device("cpu"))
    module.save_prior(plan, state.network, renders)
    return out / "prior"


@pytest.fixture
def no_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples take longer than the steps of these tests."""
    monkeypatch.setattr(module, "guided_sheet", lambda *args, **options: None)


def arguments(shard: Path, out: Path, minutes: float = 5.0) -> list[str]:
    options = {"--data": shard, "--out": out, "--minutes": minutes, "--batch": BATCH, "--device": "cpu"}
    return [str(part) for option in options.items() for part in option]


def saved(out: Path) -> dict[str, Any]:
    return torch.load(out / "state.pt", weights_only=True)


def adamw_steps(state: dict[str, Any]) -> float:
    return float(next(iter(state["optimizers"][0]["state"].values()))["step"])


@pytest.mark.usefixtures("no_sheets")
def test_learns_and_leaves_a_prior_that_the_product_loads(
    shard: Path, tiny_prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORT", 8)
    monkeypatch.setattr(module, "WARM_UP", 4)
    out = tmp_path / "run"
    main([*arguments(shard, out), "--init", str(tiny_prior), "--images", str(24 * BATCH), "--lr", "3e-3"])
    lines = [[float(value) for value in line.split(",")] for line in (out / "log.csv").read_text().splitlines()]
    assert [line[1] for line in lines] == [8, 16, 24] and lines[-1][2] == 24 * BATCH
    assert 0 < lines[2][3] < lines[0][3] < 2
    _, _, *losses = (float(value) for value in (out / "validation.csv").read_text().split(","))
    assert len(losses) == 3 and all(0 < loss < 0.95 for loss in losses)  # v of noise has a mean square of about 1
    assert losses[0] < losses[2]  # a guide helps
    prior = load_prior(str(out / "prior"), "cpu")
    assert prior.card.words["objects"] == ("disc", "square") and prior.card.max_tokens == 24
    assert not list(out.glob("*.part")) and not (out / "prior.old").exists()


@pytest.mark.usefixtures("no_sheets")
def test_goes_on_after_a_kill(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "training.train", *arguments(shard, out), "--init", str(tiny_prior)]
    command += ["--processes", "2"]
    log = (tmp_path / "log.txt").open("w")
    run = subprocess.Popen([*command, "--every", "0.001"], cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 240
        while not (out / "state.pt").exists() and time.monotonic() < deadline:
            assert run.poll() is None, (tmp_path / "log.txt").read_text()
            time.sleep(0.01)
        children = psutil.Process(run.pid).children(recursive=True)
        os.kill(run.pid, signal.SIGKILL)  # amid its first checkpoint
        gone, left = psutil.wait_procs(children, 60)
        assert len(gone) >= 2 and not left  # nobody trains on alone
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        log.close()
    before = saved(out)
    steps = before["step"]
    assert steps >= 1 and before["seen"] == steps * 2 * BATCH and before["minutes"] > 0
    main([*arguments(shard, out), "--images", str((2 * steps + 3) * BATCH)])
    after = saved(out)
    assert after["step"] == steps + 3 and after["seen"] == (2 * steps + 3) * BATCH
    assert after["minutes"] > before["minutes"]
    assert adamw_steps(before) == steps and adamw_steps(after) == steps + 3  # the moments went on, too
    assert load_prior(str(out / "prior"), "cpu").card.max_tokens == 24


def test_a_kill_amid_the_exchange_of_priors_leaves_one(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_prior, tmp_path / "prior")
    plan = parse([*arguments(shard, tmp_path), "--init", str(tiny_prior)])
    renders = tiny_renders(range(40))
    state = begin(plan, renders, torch.device("cpu"))
    state.step = 7
    state.save(tmp_path / "state.pt")
    (tmp_path / "prior").rename(tmp_path / "prior.old")
    assert begin(plan, renders, torch.device("cpu")).step == 7
    module.save_prior(plan, state.network, renders)
    assert (tmp_path / "prior" / "prior.json").is_file() and not (tmp_path / "prior.old").exists()


def test_the_average_follows_the_weights_and_swaps_with_them(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    plan = parse([*arguments(shard, tmp_path), "--init", str(tiny_prior)])
    state = begin(plan, tiny_renders(), torch.device("cpu"))
    weight = state.network.parameters()[0]
    start = weight.detach().clone()
    with torch.no_grad():
        weight += 1
    state.average()  # at step 0 the average keeps 1 / 20
    assert torch.allclose(state.ema[0], start + 0.95, atol=1e-5)
    state.swap()
    assert torch.allclose(weight, start + 0.95, atol=1e-5)
    state.swap()
    assert torch.allclose(weight, start + 1)


def test_two_processes_hold_the_same_weights(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    plan = parse([*arguments(shard, tmp_path, 0.5), "--init", str(tiny_prior), "--processes", "2"])
    plan = replace(plan, images=4 * 2 * BATCH, total_minutes=0.5, cooldown=1.0)  # a rate that falls all the time
    port = str(module.free_port())
    context: Any = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
    children = [context.Process(target=_one_of_two, args=(rank, plan, port)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(240)
        assert child.exitcode == 0
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert first["seen"] == second["seen"] == 4 * 2 * BATCH
    assert all(torch.equal(a, b) for a, b in zip(first["weights"], second["weights"], strict=True))
    assert first["first"] != second["first"]  # though each looks at pictures of its own


def _one_of_two(rank: int, plan: Plan, port: str) -> None:
    """In a child: trains, and leaves its weights and its first captions behind."""
    loop = module.loop

    def kept(rank: int, plan: Plan, state: State, examples: Any, *rest: Any) -> None:
        time.sleep(0.3 * rank)  # clocks that differ
        loop(rank, plan, state, examples, *rest)
        weights = [weight.detach().clone() for weight in state.network.parameters()]
        found = {"weights": weights, "seen": state.seen, "first": examples.batch(0).captions}
        torch.save(found, plan.out / f"{rank}.pt")

    module.loop, module.keep = kept, lambda *args: None
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    module.train(rank, plan)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    plan = Plan((), Path(), minutes=100, total_minutes=100)
    late = 10_000
    assert learning_rate(plan, 0, 0) == pytest.approx(1 / module.WARM_UP)
    assert learning_rate(plan, 1, module.WARM_UP // 2 - 1) == pytest.approx(0.5)
    assert learning_rate(plan, 10, late) == learning_rate(plan, 75, late) == 1
    assert learning_rate(plan, 87.5, late) == pytest.approx(0.5)
    assert learning_rate(plan, 100, late) == learning_rate(plan, 120, late) == pytest.approx(0.03)
    rates = [learning_rate(plan, minute, late) for minute in range(75, 101)]
    assert rates == sorted(rates, reverse=True)
    steady = replace(plan, cooldown=0.0)
    assert learning_rate(steady, 99, late) == 1


def test_timesteps_are_uniform_or_log_normal() -> None:
    noise = schedule()
    generator = torch.Generator().manual_seed(0)
    uniform = draw_timesteps(20_000, "uniform", noise, generator)
    assert uniform.min() == 0 and uniform.max() == len(noise) - 1
    assert uniform.float().mean() / len(noise) == pytest.approx(0.5, abs=0.01)
    edm = draw_timesteps(20_000, "edm", noise, generator)
    assert edm.min() >= 0 and edm.max() < len(noise)
    levels = (noise.sigmas[edm] / noise.alphas[edm]).log()
    assert float(levels.mean()) == pytest.approx(-1.2, abs=0.05)
    assert float(levels.std()) == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(("how", "low", "high", "wanted"), [("middle", 100, 750, 0.86), ("high", 750, 999, 0.625)])
def test_some_timesteps_are_drawn_more_often(how: str, low: int, high: int, wanted: float) -> None:
    drawn = draw_timesteps(20_000, how, schedule(), torch.Generator().manual_seed(0))
    share = float(((drawn >= low) & (drawn <= high)).float().mean())
    assert share == pytest.approx(wanted, abs=0.02) and drawn.min() < 20 and drawn.max() > 980


def test_an_error_beside_the_object_counts_less() -> None:
    guides = torch.zeros(1, 7, 1, 2)
    guides[0, 3, 0] = torch.tensor([0.0, 1.0])
    assert module.certainty(guides).flatten().tolist() == pytest.approx([1, 1 - module.CERTAIN])


def test_every_matrix_of_muons_is_one_processs(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    network = module.load(tiny_prior)
    plan = parse([*arguments(shard, tmp_path), "--init", str(tiny_prior), "--processes", "2"])
    first, second = (set(map(id, share)) for share in module.muon_shares(plan, network))
    alone = set(map(id, module.muon_shares(replace(plan, processes=1), network)[0]))
    assert first and second and not first & second and first | second == alone


def test_no_held_out_renders_is_said(shard: Path, tiny_prior: Path, tmp_path: Path) -> None:
    plan = parse([*arguments(shard, tmp_path), "--init", str(tiny_prior)])
    state = begin(plan, tiny_renders(), torch.device("cpu"))
    with pytest.raises(ValueError, match="held-out"):
        module.Validation(Renders([], []), state.network, torch.device("cpu"))


def test_the_card_keeps_the_constants_of_the_prior_it_began_with(tiny_prior: Path) -> None:
    made = json.loads((tiny_prior / "prior.json").read_text(encoding="utf-8"))
    base = json.loads((EMBEDDED / "prior.json").read_text(encoding="utf-8"))
    assert made["defaults"] == base["defaults"] and made["cameras"] == base["cameras"]
    assert made["words"]["colors"] == ["blue", "red"] and made["resolution"] == 32
