"""Trains the embedded prior: `python -m training.train --data SHARDS --out FOLDER --minutes 60 [--init FOLDER]`

Begins with the weights of --init, or with a new network of --channels around the words of --text; goes on from
OUT/state.pt where there is one. Writes OUT/state.pt, OUT/log.csv, OUT/prior (what distill.load.load_prior reads, EMA
weights, float16) and OUT/samples-MINUTES.png. Works on a CPU (bfloat16 where the processor multiplies it) and on CUDA
(bfloat16, --compile).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTokenizer

from distill.load import EMBEDDED, load_prior
from distill.precision import choose_device
from distill.schedule import NoiseSchedule
from sdf_fit.sandbox.parent_death import die_with_parent
from training.card import card
from training.examples import Batch, Examples, stream
from training.muon import Muon
from training.network import (
    Network,
    Shape,
    centre_words,
    create,
    grow,
    load,
    load_text,
    load_unet,
    new_text_encoder,
    reworded,
    schedule,
    spread_reading,
    with_vocabulary,
)
from training.perceptual import PerceptualLoss
from training.pictures import Renders, read_renders
from training.sheets import guided_sheet
from training.tone import fit_tone
from training.validation import Validation, autocast
from training.vocabulary import train_tokenizer, world_captions
from training.world.captions import caption

REPORT = 50  # steps between two lines of the log
CAPTIONS = 512  # from which a new network learns how captions differ
TONE_BATCH = 32
WARM_UP = 200  # steps over which the learning rates rise
MUON = ("unet.down", "unet.mid", "unet.up")  # the rest reads and writes pixels, time and words
SIGMA_LEAST = 0.25  # noise below which an error counts no more: there is little left to draw
CERTAIN = 0.85  # how much less an error counts where the guide is sure: beside the object
SPANS = {"middle": (0.6, 0.1, 0.75), "high": (0.5, 0.75, 1.0)}  # shares of the timesteps drawn from a span of them
PERCEPTUAL_SIGMA = 0.7  # noise up to which a clean prediction is a picture to look at


@dataclass(frozen=True)
class Plan:
    """Everything that a run was asked for."""

    data: tuple[Path, ...]
    out: Path
    minutes: float
    total_minutes: float
    init: Path | None = None
    grow: Path | None = None
    text: Path | None = None
    new_words: bool = False
    tone: int = 6400
    shape: Shape = field(default_factory=Shape)
    max_tokens: int = 56
    batch: int = 16
    lr: float = 4e-4
    muon_lr: float = 8e-4
    head_lr: float = 1e-3
    text_lr: float = 1e-4
    optimizer: str = "muon"
    timesteps: str = "middle"
    perceptual: float = 0.0
    cooldown: float = 0.25
    images: int | None = None
    processes: int = 1
    device: str = "auto"
    compile: bool = False
    seed: int = 0
    every: float = 15.0


@dataclass
class State:
    """What a run goes on from; `ema` are the averaged weights, in the order of Network.parameters()."""

    network: Network
    optimizers: list[torch.optim.Optimizer]
    ema: list[Tensor]
    step: int = 0
    seen: int = 0
    minutes: float = 0.0

    def save(self, path: Path) -> None:
        """Writes beside and renames, so that a killed run leaves the state before."""
        part = path.with_suffix(".part")
        torch.save({
            "unet": self.network.unet.state_dict(), "head": self.network.head.state_dict(),
            "text_encoder": self.network.text_encoder.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers], "ema": self.ema,
            "step": self.step, "seen": self.seen, "minutes": self.minutes,
        }, part)  # fmt: skip
        part.replace(path)

    def restore(self, path: Path, device: torch.device) -> None:
        """Takes up what `save` wrote."""
        saved: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        self.network.unet.load_state_dict(saved["unet"])
        self.network.head.load_state_dict(saved["head"])
        self.network.text_encoder.load_state_dict(saved["text_encoder"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            if not isinstance(optimizer, Muon) or len(optimizer.param_groups[0]["params"]) == _count(state):
                optimizer.load_state_dict(state)  # Muon's momentum of other processes is soon there again
        for mean, value in zip(self.ema, saved["ema"], strict=True):
            mean.copy_(value)
        self.step, self.seen, self.minutes = saved["step"], saved["seen"], saved["minutes"]

    def average(self) -> None:
        """One step of the exponential moving average."""
        decay = min(0.9995, (1 + self.step) / (20 + self.step))
        for mean, weight in zip(self.ema, self.network.parameters(), strict=True):
            mean.lerp_(weight.data, 1 - decay)

    def swap(self) -> None:
        """Exchanges the weights with their averages; again to undo it."""
        for weight, mean in zip(self.network.parameters(), self.ema, strict=True):
            weight.data, mean.data = mean.data, weight.data


def _count(state: dict[str, Any]) -> int:
    return len(state["param_groups"][0]["params"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what the command line asks for, in as many processes."""
    plan = parse(arguments)
    plan.out.mkdir(parents=True, exist_ok=True)
    if plan.processes == 1:
        train(0, plan)
    else:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port()))  # where they find each other
        torch.multiprocessing.spawn(train, (plan,), nprocs=plan.processes)  # type: ignore[attr-defined]


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def train(rank: int, plan: Plan) -> None:
    """One process's part of the run; rank 0 logs, saves and draws."""
    if plan.processes > 1:
        die_with_parent()
        dist.init_process_group("gloo", rank=rank, world_size=plan.processes)
    torch.manual_seed(plan.seed)  # a new network is the same in all processes
    device = choose_device(plan.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    renders = read_renders(plan.data)
    state = begin(plan, renders, device, rank)
    size = state.network.size
    examples = Examples(renders.of("train"), plan.batch, size, seed=plan.seed + 1000 * rank, start=state.step)
    held_out = Validation(renders.of("held_out"), state.network, device)
    if rank == 0:
        if state.step == 0:  # what a saved state is put into must be there before the state is
            save_prior(plan, state.network, examples.renders)
        count = sum(weight.numel() for weight in state.network.parameters()) / 1e6
        print(f"{len(examples.renders)} renders, {len(held_out)} held out, {count:.1f} M weights, {device}", flush=True)
    loop(rank, plan, state, examples, held_out, device)
    if plan.processes > 1:
        dist.destroy_process_group()


def begin(plan: Plan, renders: Renders, device: torch.device, rank: int = 0) -> State:
    """A new run's state, or the one that was saved."""
    saved = plan.out / "state.pt"
    if saved.is_file():
        network = load(_whole(plan.out / "prior"))
    else:
        network = _new_network(plan, renders)
    for part in (network.unet, network.head):
        part.to(device, memory_format=torch.channels_last).train()
    network.text_encoder.to(device).train()
    if device.type == "cpu":
        # A tenth faster here: the fused attention's backward pass does not use AMX, batched products do.
        network.unet.set_attn_processor(AttnProcessor())
    weights = network.parameters()
    state = State(network, _optimizers(plan, network, rank), [weight.detach().clone() for weight in weights])
    if saved.is_file():
        state.restore(saved, device)
    return state


def _new_network(plan: Plan, renders: Renders) -> Network:
    if plan.init is not None and not plan.new_words:
        return load(plan.init)
    said = [caption(meta["phrase"], meta["view"], meta["scene"]) for meta in renders.metas]
    tokenizer = train_tokenizer([*said, *world_captions()])  # of what was rendered and what the world may still hold
    heard = said[:: max(1, len(said) // CAPTIONS)]
    if plan.init is not None:
        network = reworded(load(plan.init), tokenizer, heard)
    elif plan.grow is not None:
        network = grow(load_unet(plan.grow), _text_encoder(plan.grow, tokenizer, plan), tokenizer, plan.shape)
        spread_reading(network, heard)
    else:
        network = create(_text_encoder(plan.text, tokenizer, plan), tokenizer, plan.shape)
        centre_words(network, heard)
    examples = Examples(renders.of("train"), TONE_BATCH, network.size, seed=plan.seed)
    fit_tone(network, map(examples.batch, range(plan.tone // TONE_BATCH)))
    return network


def _text_encoder(folder: Path | None, tokenizer: CLIPTokenizer, plan: Plan) -> Any:
    if folder is None:
        return new_text_encoder(tokenizer, plan.max_tokens)
    encoder, before = load_text(folder)
    return with_vocabulary(encoder, before, tokenizer, plan.max_tokens)


def _optimizers(plan: Plan, network: Network, rank: int) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the process's share of the UNet's inner matrices where it is asked for."""
    shared = muon_shares(plan, network)
    chosen = {id(weight) for share in shared for weight in share}
    rates = {"unet": plan.lr, "head": plan.head_lr, "text": plan.text_lr}
    groups: dict[str, list[nn.Parameter]] = {part: [] for part in rates}
    for name, weight in network.named_parameters():
        if id(weight) not in chosen:
            groups[name.partition(".")[0]].append(weight)
    adamw = torch.optim.AdamW(
        [{"params": weights, "lr": rates[part], "full": rates[part]} for part, weights in groups.items()],
        betas=(0.9, 0.99), weight_decay=0.01, fused=True,
    )  # fmt: skip
    if not shared[rank]:
        return [adamw]
    muon = Muon(shared[rank], plan.muon_lr)
    muon.param_groups[0]["full"] = plan.muon_lr
    return [adamw, muon]


def muon_shares(plan: Plan, network: Network) -> list[list[nn.Parameter]]:
    """The UNet's inner matrices, shared out among the processes by the work that orthogonalising them takes."""
    shares: list[list[nn.Parameter]] = [[] for _ in range(plan.processes)]
    work = [0.0] * plan.processes
    inner = [
        weight
        for name, weight in network.named_parameters()
        if plan.optimizer == "muon" and weight.ndim in (2, 4) and name.startswith(MUON)
    ]
    for weight in sorted(inner, key=lambda weight: -weight.numel()):
        least = work.index(min(work))
        shares[least].append(weight)
        work[least] += weight.numel() * min(len(weight), weight[0].numel())
    return shares


def loop(
    rank: int, plan: Plan, state: State, examples: Examples, held_out: Validation, device: torch.device
) -> None:
    """Steps until the time is up; saves and draws every so often, and at the end."""
    network = state.network
    loss_of = Loss(plan, network, schedule().to(device), device, plan.seed + 7 * state.step + rank)
    batches = stream(examples, workers=max(1, (os.cpu_count() or 2) - 2) if device.type == "cuda" else 1)
    clock = Clock(state.minutes)
    losses: list[float] = []
    draw_at = (state.minutes // plan.every + 1) * plan.every
    while (minutes := _agreed_minutes(plan, clock)) < state_end(plan, clock) and not _enough(plan, state):
        batch = next(batches)
        loss = loss_of(batch)
        loss.backward()
        update(plan, state, minutes)
        losses.append(float(loss.detach()))
        state.step, state.minutes = state.step + 1, clock.minutes()
        state.seen += len(batch.pictures) * plan.processes
        if rank == 0 and state.step % REPORT == 0:
            report(plan, state, losses, clock)
            losses.clear()
        if state.minutes >= draw_at:
            draw_at += plan.every
            if rank == 0:
                keep(plan, state, held_out, examples.renders)
    if rank == 0:
        keep(plan, state, held_out, examples.renders)


class Loss:
    """What is descended: the v loss, and at low noise how far the clean prediction looks from the picture."""

    def __init__(
        self, plan: Plan, network: Network, noise: NoiseSchedule, device: torch.device, seed: int
    ) -> None:
        self._plan, self._network, self._noise, self._device = plan, network, noise, device
        self._generator = torch.Generator().manual_seed(seed)
        self._velocity = torch.compile(network.velocity) if plan.compile else network.velocity
        self._look = PerceptualLoss().to(device) if plan.perceptual else None

    def __call__(self, batch: Batch) -> Tensor:
        noise, patch = self._noise, self._network.patch
        pictures, guides = batch.pictures.to(self._device), batch.guides.to(self._device)
        x = F.pixel_unshuffle(pictures, patch)
        t = draw_timesteps(len(x), self._plan.timesteps, noise, self._generator).to(self._device)
        noises = torch.randn(x.shape, generator=self._generator).to(self._device)
        level, x_t = (noise.alpha(t), noise.sigma(t)), noise.add_noise(x, t, noises)
        with autocast(self._device):
            v = self._velocity(x_t, level, self._network.tokens(batch.captions).to(self._device), guides)
        clean = F.pixel_shuffle(level[0] * x_t - level[1] * v.float(), patch)
        errors = (clean - pictures).square() * certainty(guides) / level[1].clamp(min=SIGMA_LEAST) ** 2
        return errors.mean() + self._plan.perceptual * self._seen(clean, pictures, level[1].flatten())

    def _seen(self, clean: Tensor, pictures: Tensor, sigma: Tensor) -> Tensor | float:
        near = sigma < PERCEPTUAL_SIGMA
        if self._look is None or not near.any():
            return 0.0
        with autocast(self._device):
            return self._look(clean[near], pictures[near]).float().sum() / len(clean)


def certainty(guides: Tensor) -> Tensor:
    """How much an error counts at each pixel [B, 1, S, S]: beside the object the guide itself is right."""
    return 1 - CERTAIN * guides[:, 3:4] ** 2


@dataclass
class Clock:
    """Minutes of training, those of earlier runs with them."""

    before: float
    start: float = field(default_factory=time.monotonic)
    images: int | None = None
    mark: float = field(default_factory=time.monotonic)

    def minutes(self) -> float:
        """So far, all runs together."""
        return self.before + (time.monotonic() - self.start) / 60

    def rate(self, images: int) -> float:
        """Images a second since the last call, at `images` in all."""
        now = time.monotonic()
        rate = float("nan") if self.images is None else (images - self.images) / (now - self.mark)
        self.images, self.mark = images, now
        return rate


def state_end(plan: Plan, clock: Clock) -> float:
    """The minute of all runs together at which this one stops."""
    return clock.before + plan.minutes


def _enough(plan: Plan, state: State) -> bool:
    return plan.images is not None and state.seen >= plan.images


def _agreed_minutes(plan: Plan, clock: Clock) -> float:
    """By the first process's clock: all must learn at the same rate, and leave the loop at the same step."""
    minutes = clock.minutes()
    if plan.processes == 1:
        return minutes
    told = torch.tensor(minutes, dtype=torch.float64)
    dist.broadcast(told, 0)
    return float(told)


def draw_timesteps(count: int, how: str, noise: NoiseSchedule, generator: torch.Generator) -> Tensor:
    """Timesteps [count]: "uniform"; "middle": three of five from .1 to .75, where most is decided; "high": a half from
    .75 on, where only words tell what x_t does not show yet; or "edm": the log-normal noise levels of Karras et al.
    2022 (P_mean -1.2, P_std 1.2)."""
    if how == "edm":
        levels = (noise.sigmas / noise.alphas).log().cpu()
        wanted = torch.randn(count, generator=generator) * 1.2 - 1.2
        return torch.searchsorted(levels, wanted).clamp(0, len(noise) - 1)
    drawn = torch.rand(count, generator=generator)
    if how in SPANS:
        share, low, high = SPANS[how]
        drawn = torch.where(torch.rand(count, generator=generator) < share, low + (high - low) * drawn, drawn)
    return (drawn * len(noise)).long().clamp(max=len(noise) - 1)


def learning_rate(plan: Plan, minutes: float, step: int) -> float:
    """Share of the full rates: a rise, a plateau, and a straight fall over the last `cooldown` of the time."""
    left = max(0.0, 1 - minutes / plan.total_minutes)
    fall = left / plan.cooldown if left < plan.cooldown else 1.0
    return min(1.0, (step + 1) / WARM_UP) * max(0.03, fall)


def update(plan: Plan, state: State, minutes: float) -> None:
    """One step of the optimisers with the mean gradient of all processes."""
    weights = state.network.parameters()
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    if plan.processes > 1:
        flat = torch.cat([weight.grad.flatten() for weight in weights]) / plan.processes  # type: ignore[union-attr]
        dist.all_reduce(flat)
        for weight, part in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
            weight.grad.copy_(part.view_as(weight))  # type: ignore[union-attr]
    norm = nn.utils.clip_grad_norm_(weights, 1.0)
    if not torch.isfinite(norm):
        raise FloatingPointError(f"the gradient's norm is {float(norm)} at step {state.step}: lower --lr or --muon-lr")
    share = learning_rate(plan, minutes, state.step)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * share
        optimizer.step()
    if plan.processes > 1:
        _exchange(muon_shares(plan, state.network))
    for weight in weights:
        weight.grad = None
    state.average()


def _exchange(shares: list[list[nn.Parameter]]) -> None:
    """Every process tells the others the weights that it alone has changed."""
    for rank, share in enumerate(shares):
        if share:
            flat = torch.cat([weight.data.flatten() for weight in share])
            dist.broadcast(flat, rank)
            for weight, part in zip(share, flat.split([weight.numel() for weight in share]), strict=True):
                weight.data.copy_(part.view_as(weight))


def report(plan: Plan, state: State, losses: list[float], clock: Clock) -> None:
    """One line of the log."""
    line = f"{state.minutes:.2f},{state.step},{state.seen},{np.mean(losses):.5f},{clock.rate(state.seen):.1f}"
    left = max(0.0, plan.minutes - (state.minutes - clock.before))
    print(f"{line}  {left:.0f} min left", flush=True)
    with (plan.out / "log.csv").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def keep(plan: Plan, state: State, held_out: Validation, renders: Renders) -> None:
    """Saves the state and the averaged weights, prints the validation losses and draws samples."""
    state.save(plan.out / "state.pt")
    state.swap()
    found = held_out.losses(state.network)
    save_prior(plan, state.network, renders)
    state.swap()
    words = ", ".join(f"{name} {value:.5f}" for name, value in found.items())
    print(f"{state.minutes:.1f} min, {state.seen} images: {words}", flush=True)
    row = [f"{state.minutes:.2f}", f"{state.seen}", *(f"{value:.5f}" for value in found.values())]
    with (plan.out / "validation.csv").open("a", encoding="utf-8") as log:
        log.write(",".join(row) + "\n")
    prior = load_prior(str(plan.out / "prior"), "cpu")
    guided_sheet(prior, held_out.shown, plan.out / f"samples-{state.minutes:04.0f}.png")


def save_prior(plan: Plan, network: Network, renders: Renders) -> None:
    """The prior's folder; the stages' constants are those of the prior that the run began with."""
    part = plan.out / "prior.part"
    shutil.rmtree(part, ignore_errors=True)
    network.save(part)
    base = json.loads(((plan.init or EMBEDDED) / "prior.json").read_text(encoding="utf-8"))
    text = json.dumps(card(base, renders.metas, network.max_tokens, network.size), indent=1)
    (part / "prior.json").write_text(text + "\n", encoding="utf-8")
    _replace(plan.out / "prior", part)


def _replace(folder: Path, part: Path) -> None:
    """Puts a new folder in an old one's place; whenever this ends, _whole finds one of them."""
    old = folder.with_suffix(".old")
    if folder.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _whole(folder: Path) -> Path:
    """The folder, or what a run that was killed amid _replace left of it."""
    return folder if folder.is_dir() else folder.with_suffix(".old")


def parse(arguments: Sequence[str] | None = None) -> Plan:
    """The plan in a command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="tar shards of renders")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--minutes", type=float, required=True, help="how long this call trains")
    parser.add_argument("--total-minutes", type=float, help="of all calls together, for the learning rate's fall")
    parser.add_argument("--init", type=Path, help="a prior's folder to begin with, such as distill/embedded")
    parser.add_argument("--grow", type=Path, help="a text-to-image prior's folder that a guided one grows from")
    parser.add_argument("--text", type=Path, help="a prior's folder whose text encoder a new network takes")
    parser.add_argument("--new-words", action="store_true", help="--init learns words anew, those of --data")
    parser.add_argument("--tone", type=int, default=Plan.tone, help="pictures that tell the tone of new words")
    parser.add_argument("--size", type=int, default=Shape.size, help="pixels of a new network's pictures")
    parser.add_argument("--patch", type=int, default=Shape.patch, help="pixels of a patch of its UNet")
    parser.add_argument("--reduce", type=int, default=Shape.reduce, help="it sees means of so many pixels squared")
    parser.add_argument("--channels", type=_numbers, default=Shape.channels, help="its widths: 64,128,256")
    parser.add_argument("--attention", type=int, default=Shape.attention, help="its level from which it reads words")
    parser.add_argument("--head", type=_numbers, default=(Shape.features, Shape.width, Shape.depth),
                        help="features, width and depth of its head: 8,16,2")  # fmt: skip
    parser.add_argument("--max-tokens", type=int, default=56)
    parser.add_argument("--batch", type=int, default=Plan.batch, help="pictures a step in each process")
    parser.add_argument("--lr", type=float, default=Plan.lr, help="AdamW's learning rate")
    parser.add_argument("--muon-lr", type=float, default=Plan.muon_lr)
    parser.add_argument("--head-lr", type=float, default=Plan.head_lr)
    parser.add_argument("--text-lr", type=float, default=Plan.text_lr)
    parser.add_argument("--perceptual", type=float, default=Plan.perceptual, help="weight of the perceptual loss")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--timesteps", choices=("uniform", *SPANS, "edm"), default="middle")
    parser.add_argument("--cooldown", type=float, default=0.25, help="share of the time in which the rate falls")
    parser.add_argument("--images", type=int, help="stop after so many pictures, for comparisons")
    parser.add_argument("--processes", type=int, default=1, help="one thread each, gradients averaged")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=15.0, help="minutes between checkpoints")
    values = vars(parser.parse_args(arguments))
    values["data"] = tuple(values["data"])
    shape = [values.pop(name) for name in ("size", "patch", "channels", "attention", "head", "reduce")]
    values["shape"] = Shape(*shape[:4], *shape[4], reduce=shape[5])
    values["total_minutes"] = values["total_minutes"] or values["minutes"]
    return Plan(**values)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
