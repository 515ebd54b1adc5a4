"""The guided pixel prior's network around its UNet: a closed form, and a small head at full resolution.

The photograph x_0 is known roughly before any network looks: it lies about the guide picture g, by a residual whose
variance s² at each pixel says how sure the guide is (distill/controls.py). That residual is no white noise: it is
coarse rather than fine, and light or dark rather than coloured. In an undecimated wavelet transform (the "starlet",
Starck et al. 2007, of B3 splines) of its light and its two colours, band b holds a share f_b of s², and n_b of white
noise; the best linear estimate of x_0 from x_t shrinks each band by itself (Wiener's filter):

    x̂ = g + u Σ_b α S² f_b / (α² S² f_b + σ² n_b) · band_b(u (x_t − α g))        v̂ = (α x_t − x̂) / σ

with S the largest s of a picture and u = s / S. Words move the mean: gold is darker than its flat colour and brighter
where it faces the camera, chalk is neither. So g is the guide and a tone, linear in what the text encoder says and in a
few features of each pixel (`tone_features`), which least squares find before training begins (training/tone.py).

The networks only add what it lacks, in units of how far x_0 is known
at that noise, as EDM scales its output (Karras et al. 2022, arXiv 2206.00364), with a mean and a variance for every
pixel:

    v = v̂ + s / √(α² s² + σ²) · (UNet + r)

A UNet that draws from words alone, at half the resolution, can be grown into such a prior: it sees the picture's means
of 2 x 2 pixels, at the noise that they have (σ / 2), and where nothing is known its own clean picture takes the closed
form's place at that scale.

r comes from the head, which sees pixels where the UNet sees patches, and the words: what gold or chalk does to a
colour is the same everywhere, and is learnt here sooner than through the UNet. Both begin at zero: a prior that has
learnt nothing is the closed form. (docs/decisions/the-guide.md)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from distill.controls import GUIDE_CHANNELS, KNOWN, MOST, NORMALS, PICTURE, spread

Call = Callable[[Tensor, Tensor, Tensor], Tensor]  # the UNet at a noise level, given by alpha and sigma [B, 1, 1, 1]
LEVEL_WIDTH = 64  # of the noise level's embedding
SIGMA_LEAST = 0.02  # v of the closed form has a σ below it
TONE_FEATURES = 8
SEEN = 3 + GUIDE_CHANNELS  # channels that the UNet sees of a pixel: x_t and its guide
# Shares of s² in the bands of the residual between a guide and its photograph, fine to coarse, the rest last: of its
# light, and of each of its colours. Measured on the world's renders at 128 pixels.
LIGHT = (0.133, 0.086, 0.091, 0.113, 0.120, 1.008)
COLOR = (0.0065, 0.0073, 0.0081, 0.0083, 0.0079, 0.043)
# Light and colours of red, green and blue, orthonormal.
OPPONENT = ((3**-0.5,) * 3, (2**-0.5, 0.0, -(2**-0.5)), (6**-0.5, -2 * 6**-0.5, 6**-0.5))


class GuideHead(ModelMixin, ConfigMixin):
    """`patch` p: the UNet's pixels are p x p of the picture's; `features`: what it hands on beside its v, a pixel;
    `width` and `depth` of the full-resolution blocks; `words`: channels of the text encoder's embeddings, None for a
    head that does not read; `reduce` r: the UNet sees and draws means of r x r pixels; `grown`: its first three
    channels are the v of a picture that it draws from words alone.
    """

    @register_to_config
    def __init__(
        self, patch: int = 4, features: int = 8, width: int = 16, depth: int = 2, words: int | None = None,
        reduce: int = 1, grown: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.reading = nn.Linear(words, LEVEL_WIDTH) if words else None
        self.tone = nn.Linear(words, 3 * TONE_FEATURES) if words else None
        self.level = nn.Sequential(nn.Linear(2, LEVEL_WIDTH), nn.SiLU(), nn.Linear(LEVEL_WIDTH, LEVEL_WIDTH))
        self.conv_in = nn.Conv2d(3 + features + 3 + SEEN, width, 3, padding=1)
        self.blocks = nn.ModuleList(ModulatedBlock(width) for _ in range(depth))
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)
        for layer in (self.conv_out, self.tone):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self, call: Call, x_t: Tensor, alpha: Tensor, sigma: Tensor, controls: Tensor, words: Tensor
    ) -> Tensor:
        """v [B, 3p², h, w] for x_t of that shape at alpha and sigma [B, 1, 1, 1].

        `call` runs the UNet at a noise level: [B, 10 (p / r)², h, w] → [B, `count_made` (p / r)², h, w]. controls:
        guides [B, 7, H, H] in 0..1, H = p h. words: the prompts' bags of words [B, words].
        """
        patch, dtype = self.config["patch"], x_t.dtype
        pixels, seen = F.pixel_shuffle(x_t, patch), 2 * controls - 1
        level, variance = (alpha.float(), sigma.float()), spread(controls[:, KNOWN].float())
        with torch.autocast(x_t.device.type, enabled=False):
            guide = seen[:, PICTURE].float() + self._toned(controls.float(), words.float())
            closed = closed_form(pixels.float(), *level, guide, variance)
        drawn, coarse = self._ask(call, pixels, seen, level)
        own = self._own_picture(drawn, pixels.float(), closed, level, variance)

        h = self.conv_in(torch.cat([coarse.to(dtype), (closed + own).to(dtype), pixels, seen], dim=1))
        modulation = self.level(torch.cat([alpha, sigma], dim=1).flatten(1).to(dtype))
        if self.reading is not None:
            modulation = modulation + self.reading(words.to(dtype))
        for block in self.blocks:
            h = block(h, modulation)
        correction = coarse[:, :3].float() + self.conv_out(F.silu(h)).float()
        return F.pixel_unshuffle(closed + own + uncertainty(*level, variance) * correction, patch).to(dtype)

    @property
    def count_made(self) -> int:
        """Channels that the UNet makes of each of its pictures' pixels."""
        return (6 if self.config["grown"] else 3) + self.config["features"]

    def _ask(
        self, call: Call, pixels: Tensor, seen: Tensor, level: tuple[Tensor, Tensor]
    ) -> tuple[Tensor | None, Tensor]:
        """The v of the UNet's own picture [B, 3, H / r, H / r] if it is a grown one, and what else it makes
        [B, 3 + features, H, H]."""
        patch, reduce = self.config["patch"], self.config["reduce"]
        scale, alpha, sigma = reduced_level(*level, reduce)
        small = torch.cat([(F.avg_pool2d(pixels, reduce) * scale).to(seen.dtype), F.avg_pool2d(seen, reduce)], dim=1)
        made = call(F.pixel_unshuffle(small, patch // reduce), alpha, sigma)
        made = F.pixel_shuffle(made, patch // reduce)
        drawn, rest = (made[:, :3], made[:, 3:]) if self.config["grown"] else (None, made)
        return drawn, _enlarged(rest, reduce)

    def _own_picture(
        self, drawn: Tensor | None, pixels: Tensor, closed: Tensor, level: tuple[Tensor, Tensor], variance: Tensor
    ) -> Tensor | float:
        """What v changes by where the UNet's own clean picture stands for the closed form's, the more the less is
        known, [B, 3, H, H]."""
        if drawn is None:
            return 0.0
        alpha, sigma = level
        reduce = self.config["reduce"]
        scale, small_alpha, small_sigma = reduced_level(alpha, sigma, reduce)
        own = small_alpha * scale * F.avg_pool2d(pixels, reduce) - small_sigma * drawn.float()
        form = F.avg_pool2d(alpha * pixels - sigma * closed, reduce)
        difference = F.avg_pool2d(variance / MOST, reduce) * (form - own)
        return _enlarged(difference, reduce) / sigma.clamp(min=SIGMA_LEAST)


    def _toned(self, controls: Tensor, words: Tensor) -> Tensor | float:
        """What words add to the guide, [B, 3, H, H]."""
        if self.tone is None:
            return 0.0
        weights = F.linear(words, self.tone.weight.float(), self.tone.bias.float())
        features = tone_features(controls)
        return torch.einsum("bck,bkhw->bchw", weights.unflatten(1, (3, TONE_FEATURES)), features)


def reduced_level(alpha: Tensor, sigma: Tensor, reduce: int) -> tuple[Tensor, Tensor, Tensor]:
    """What means of r x r pixels of x_t are to be multiplied by to be a noised picture again, with alpha² + sigma² = 1,
    and its alpha and sigma: white noise is weaker by r in them."""
    scale = (alpha**2 + (sigma / reduce) ** 2).rsqrt()
    return scale, scale * alpha, scale * sigma / reduce


def _enlarged(pictures: Tensor, times: int) -> Tensor:
    if times == 1:
        return pictures
    return F.interpolate(pictures, scale_factor=times, mode="bilinear", align_corners=False)


def tone_features(controls: Tensor) -> Tensor:
    """[B, 8, H, H] of guides [B, 7, H, H], each in units of how unsure the guide is, s / √.5: one everywhere and on the
    body, the guide's colours, its light squared, how far the surface faces up and to the camera."""
    unsure, seen = (spread(controls[:, KNOWN]) / MOST).sqrt(), 2 * controls - 1
    colors, normals = seen[:, PICTURE], seen[:, NORMALS]
    there = normals.square().sum(dim=1, keepdim=True).clamp(max=1)
    light = colors.mean(dim=1, keepdim=True).square()
    return unsure * torch.cat([torch.ones_like(there), there, colors, light, normals[:, 1:]], dim=1)


def uncertainty(alpha: Tensor, sigma: Tensor, variance: Tensor) -> Tensor:
    """How far v is from known where x_t and the guide are: s / √(α² s² + σ²), of the variance's shape."""
    return (variance / (alpha**2 * variance + sigma**2)).sqrt()


def closed_form(
    x_t: Tensor, alpha: Tensor, sigma: Tensor, guide: Tensor, variance: Tensor,
    light: tuple[float, ...] = LIGHT, color: tuple[float, ...] = COLOR,
) -> Tensor:  # fmt: skip
    """v [B, 3, H, W] of the best linear estimate of x_0 from x_t: the guide and a residual of that variance
    [B, 1, H, W], all in -1..1.

    The residual is weighed by how unsure the guide is, before the bands and after: what is coarse about the object does
    not spread to where the guide is sure.
    """
    turn, most = x_t.new_tensor(OPPONENT), variance.amax(dim=(1, 2, 3), keepdim=True)
    unsure = (variance / most).sqrt()
    residual = torch.einsum("ij,bjhw->bihw", turn, unsure * (x_t - alpha * guide))
    noise = band_noise(len(light) - 1, x_t.shape[-1])
    estimate = torch.zeros_like(residual)
    for band, share, colored, gain in zip(starlet(residual, len(light) - 1), light, color, noise, strict=True):
        own = most * x_t.new_tensor((share, colored, colored)).view(1, 3, 1, 1)
        estimate += alpha * own / (alpha**2 * own + sigma**2 * gain) * band
    clean = guide + unsure * torch.einsum("ji,bjhw->bihw", turn, estimate)
    return (alpha * x_t - clean) / sigma.clamp(min=SIGMA_LEAST)


def starlet(pictures: Tensor, levels: int) -> list[Tensor]:
    """Bands of pictures [B, C, H, W], fine to coarse, and what is left, all of that shape; their sum is the picture."""
    bands = []
    for level in range(levels):
        smooth = _smoothed(_smoothed(pictures, 2**level, -1), 2**level, -2)
        bands.append(pictures - smooth)
        pictures = smooth
    return [*bands, pictures]


def _smoothed(pictures: Tensor, step: int, along: int) -> Tensor:
    """One axis under the B3 spline's five weights, `step` pixels apart; the border goes on beyond itself."""
    size, reach = pictures.shape[along], 2 * step
    sides = (reach, reach, 0, 0) if along == -1 else (0, 0, reach, reach)
    padded = F.pad(pictures, sides, mode="replicate")
    far, near, middle, near_too, far_too = (padded.narrow(along, k * step, size) for k in range(5))
    return middle * 0.375 + (near + near_too) * 0.25 + (far + far_too) * 0.0625


_GAINS: dict[tuple[int, int], list[float]] = {}


def band_noise(levels: int, size: int) -> list[float]:
    """n_b: the variance of white noise of variance 1 in each band of pictures `size` wide: the energy of the band of a
    single bright pixel."""
    if (levels, size) not in _GAINS:
        point = torch.zeros(1, 1, size, size)
        point[..., size // 2, size // 2] = 1
        _GAINS[levels, size] = [float(band.square().sum()) for band in starlet(point, levels)]
    return _GAINS[levels, size]


class ModulatedBlock(nn.Module):
    """A residual block of two convolutions whose middle is scaled and shifted by noise level and words (FiLM, Perez et
    al. 2018); no change at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.modulation = nn.Linear(LEVEL_WIDTH, 2 * width)
        for layer in (self.second, self.modulation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, h: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.modulation(level)[..., None, None].chunk(2, dim=1)
        return h + self.second(F.silu(self.first(F.silu(h)) * (1 + scale) + shift))
