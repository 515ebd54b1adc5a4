"""A randomly initialised, tiny MVDream as its checkpoints are: a UNet with the weights' names of the original latent
diffusion, written here in plain torch. It is the slow twin that the adapter is held against; built with the real
checkpoint's configuration it has the real names.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.distill.priors.tiny_stable_diffusion import WIDTH, save_tiny

VIEWS = 4
CONFIG: dict[str, Any] = {
    "_class_name": "MultiViewUNetModel",
    "image_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": WIDTH,
    "attention_resolutions": [1],
    "num_res_blocks": 1,
    "channel_mult": [1, 2],
    "num_head_channels": 16,
    "transformer_depth": 1,
    "context_dim": WIDTH,
    "use_checkpoint": False,
    "camera_dim": 16,
}


# As the published checkpoint has it; the sizes of Stable Diffusion 2.1.
REAL: dict[str, Any] = CONFIG | {
    "image_size": 32,
    "model_channels": 320,
    "attention_resolutions": [4, 2, 1],
    "num_res_blocks": 2,
    "channel_mult": [1, 2, 4, 4],
    "num_head_channels": 64,
    "context_dim": 1024,
}


class Residual(nn.Module):
    def __init__(self, width: int, out: int, time: int) -> None:
        super().__init__()
        norms = [nn.GroupNorm(32, width), nn.GroupNorm(32, out)]
        self.in_layers = nn.Sequential(norms[0], nn.SiLU(), nn.Conv2d(width, out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time, out))
        self.out_layers = nn.Sequential(norms[1], nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(out, out, 3, padding=1))
        self.skip_connection = nn.Identity() if width == out else nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.skip_connection(x) + self.out_layers(self.in_layers(x) + self.emb_layers(time)[..., None, None])


class Attend(nn.Module):
    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(size, width, bias=False) for size in (width, context, context))
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.0))

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """Queries of tokens [L, D] over context [M, C], head by head."""
        heads = []
        for q, k, v in zip(*(part.chunk(self.heads, -1) for part in self._parts(tokens, context)), strict=True):
            heads.append((q @ k.T / math.sqrt(q.shape[-1])).softmax(-1) @ v)
        return self.to_out(torch.cat(heads, -1))

    def _parts(self, tokens: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.to_q(tokens), self.to_k(context), self.to_v(context)


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class Forward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Gated(width), nn.Dropout(0.0), nn.Linear(4 * width, width))


class Block(nn.Module):
    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attend(width, width, heads), Attend(width, context, heads)
        self.ff = Forward(width)


class Transformer(nn.Module):
    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Linear(width, width), nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([Block(width, context, heads)])

    def forward(self, x: Tensor, text: Tensor, joined: bool) -> Tensor:
        """Views x [V, D, h, w] of one picture, text [L, C]: one view after another."""
        (block,) = self.transformer_blocks
        assert isinstance(block, Block)
        views = [self.proj_in(view.flatten(1).T) for view in self.norm(x)]
        seen = [block.norm1(view) for view in views]
        everything = torch.cat(seen)
        out = []
        for view, mine in zip(views, seen, strict=True):
            view = view + block.attn1(mine, everything if joined else mine)
            view = view + block.attn2(block.norm2(view), text)
            view = view + block.ff.net(block.norm3(view))
            out.append(self.proj_out(view).T.reshape(x.shape[1:]))
        return x + torch.stack(out)


class Down(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)


class Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)


class PlainUNet(nn.Module):
    """Levels of residual blocks, with attention at some and in the middle; each halves the side of the one before."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, blocks = config["model_channels"], config["num_res_blocks"]
        widths, time = [width * factor for factor in config["channel_mult"]], 4 * width
        self.width = width
        self.time_embed = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.camera_embed = nn.Sequential(nn.Linear(16, time), nn.SiLU(), nn.Linear(time, time))

        def layers(before: int, level: int) -> list[nn.Module]:
            here = widths[level]
            attends = 2**level in config["attention_resolutions"]
            return [Residual(before, here, time), *([attention(here)] if attends else [])]

        def attention(here: int) -> Transformer:
            return Transformer(here, config["context_dim"], here // config["num_head_channels"])

        self.input_blocks = nn.ModuleList([nn.ModuleList([nn.Conv2d(4, width, 3, padding=1)])])
        kept, now = [width], width
        for level, here in enumerate(widths):
            for _ in range(blocks):
                self.input_blocks.append(nn.ModuleList(layers(now, level)))
                now = here
                kept.append(now)
            if level < len(widths) - 1:
                self.input_blocks.append(nn.ModuleList([Down(now)]))
                kept.append(now)
        self.middle_block = nn.ModuleList([Residual(now, now, time), attention(now), Residual(now, now, time)])
        self.output_blocks = nn.ModuleList()
        for level in reversed(range(len(widths))):
            for i in range(blocks + 1):
                block = layers(now + kept.pop(), level)
                now = widths[level]
                self.output_blocks.append(nn.ModuleList([*block, *([Up(now)] if level and i == blocks else [])]))
        self.out = nn.Sequential(nn.GroupNorm(32, now), nn.SiLU(), nn.Conv2d(now, 4, 3, padding=1))

    @torch.no_grad()
    def forward(self, x: Tensor, t: int, text: Tensor, camera: Tensor, joined: bool = True) -> Tensor:
        """The noise of the views x [V, 4, h, w] of one picture; text [L, C], camera [V, 16]."""
        steps = torch.arange(self.width // 2) / (self.width // 2)
        angles = t * torch.exp(-math.log(10_000) * steps)
        time = self.time_embed(torch.cat([angles.cos(), angles.sin()])) + self.camera_embed(camera)

        def through(layers: nn.Module, h: Tensor) -> Tensor:
            for layer in layers.children():
                if isinstance(layer, Residual):
                    h = layer(h, time)
                elif isinstance(layer, Transformer):
                    h = layer(h, text, joined)
                elif isinstance(layer, Down):
                    h = layer.op(h)
                elif isinstance(layer, Up):
                    h = layer.conv(h.repeat_interleave(2, 2).repeat_interleave(2, 3))
                else:
                    h = layer(h)
            return h

        kept = []
        for layers in self.input_blocks:
            x = through(layers, x)
            kept.append(x)
        x = through(self.middle_block, x)
        for layers in self.output_blocks:
            x = through(layers, torch.cat([x, kept.pop()], 1))
        return self.out(x)


def save_tiny_mvdream(folder: Path) -> PlainUNet:
    """Writes the folder; the UNet's weights lie there under its own names."""
    save_tiny(folder)
    shutil.rmtree(folder / "unet")
    (folder / "unet").mkdir()
    (folder / "unet" / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    torch.manual_seed(1)
    network = PlainUNet(CONFIG).eval()
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, folder / "unet" / "diffusion_pytorch_model.safetensors")
    return network
