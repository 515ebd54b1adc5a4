"""MVDream (arXiv 2308.16512): four views of one object denoised together, each told its camera.

The checkpoints in diffusers' layout carry a UNet of their own code, with the weights' names of the original latent
diffusion. No such code is run: the same network is put together here of diffusers' UNet2DConditionModel, whose
projected class embedding is the camera's, and a self-attention over the tokens of all views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from distill.canvas import canvas_side, join_views, split_views
from distill.card import SOURCE_SUFFIX, TARGET_SUFFIX, PriorCameras, PriorCard
from distill.prior import PromptEmbeds
from distill.priors.loading import PriorError, read_config, require_weights
from distill.priors.options import PriorOptions
from distill.priors.space import Space
from distill.priors.stable_diffusion import StableDiffusion

VIEWS = 4
FRONT = 90.0  # degrees of MVDream's own azimuth at which objects show their front
ASSET = ", 3d asset"  # ends the captions of all renders that it was trained on
# Its training views: objects that about fill the picture, seen from elevations of 0 to 30 degrees, at fields of view
# of 15 to 60 (appendix A.5.1; here one from the middle).
CAMERAS = PriorCameras(fovy=40.0, distance=(2.7, 3.2), close_up_distance=(2.7, 3.2), elevation=(0.0, 30.0))


class MVDream(StableDiffusion):
    """A Prior of four views (distill/prior.py): a picture, and x, is a 2 x 2 canvas of them in reading order.

    `elevation` and `azimuths` are the cameras where nobody says otherwise (degrees). Raises PriorError for what is
    not MVDream's.
    """

    family = "MVDream"
    views = VIEWS
    elevation = 15.0
    azimuths = (0.0, 90.0, 180.0, 270.0)

    def __init__(
        self,
        folder: Path,
        name: str,
        device: torch.device,
        dtype: torch.dtype | None = None,
        options: PriorOptions | None = None,
    ) -> None:
        if options and options.controlnet:
            raise PriorError(f"{name} is an MVDream, which takes no ControlNet: leave out {options.controlnet}")
        super().__init__(folder, name, device, dtype, options)

    def _load_network(self, dtype: torch.dtype) -> Any:
        folder = self.folder / self.network_folder
        require_weights(folder)
        config = unet_config(read_config(folder / "config.json"), folder)
        with torch.device("meta"):  # the weights come from the file
            network: Any = UNet2DConditionModel(**config)
        try:
            network.load_state_dict(diffusers_weights(_read_weights(folder, dtype), config), assign=True)
        except (RuntimeError, KeyError) as wrong:
            raise PriorError(f"{folder}: the weights are not those of its config.json ({wrong})") from wrong
        processors: dict[str, Any] = {
            name: JoinedViews(VIEWS) if "attn1" in name else processor
            for name, processor in network.attn_processors.items()
        }
        network.set_attn_processor(processors)
        return network.eval().requires_grad_(False).to(self.device)

    def _latents(self) -> Space:
        return CanvasSpace(super()._latents(), VIEWS)

    def _check_unet(self) -> None:
        """It is put together here, so it wants what it is given."""

    def _family_card(self) -> PriorCard:
        card = super()._family_card()
        return replace(
            card,
            resolution=canvas_side(VIEWS) * card.resolution,
            views={},  # its cameras tell
            cameras=CAMERAS,
            target_suffix=TARGET_SUFFIX + ASSET,
            source_suffix=SOURCE_SUFFIX + ASSET,
        )

    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        """Embeds whole prompts, with the default cameras. Raises as the protocol says."""
        azimuths = torch.tensor(self.azimuths).expand(len(prompts), -1)
        return self.with_cameras(super().embed(prompts), azimuths, torch.full_like(azimuths, self.elevation))

    def with_cameras(self, embeds: PromptEmbeds, azimuths: Tensor, elevations: Tensor) -> PromptEmbeds:
        """See `distill.canvas.MultiViewPrior`. The unconditional prompt keeps its cameras too, as in MVDream."""
        return replace(embeds, camera=camera_vectors(azimuths, elevations).to(embeds.hidden))

    def _forward(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        if embeds.camera is None:
            raise ValueError(f"{self.name} wants the cameras of its views: set PromptEmbeds.camera by with_cameras()")
        output = self._call(
            split_views(x_t, VIEWS),
            t.repeat_interleave(VIEWS),
            embeds.hidden.repeat_interleave(VIEWS, 0),
            class_labels=embeds.camera.flatten(0, 1),
            return_dict=False,
        )[0]
        return join_views(output, VIEWS)


class JoinedViews:
    """Self-attention over the tokens of all views of a picture: of [B V, L, D] as of [B, V L, D]."""

    def __init__(self, views: int) -> None:
        self._views, self._attend = views, AttnProcessor2_0()

    def __call__(self, attn: Attention, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        count, length, width = hidden_states.shape
        joined = hidden_states.reshape(count // self._views, self._views * length, width)
        return self._attend(attn, joined, *args, **kwargs).reshape(count, length, width)


class CanvasSpace:
    """A space of single views, for canvases of them: each view is encoded by itself."""

    def __init__(self, inner: Space, views: int) -> None:
        self._inner, self._views = inner, views
        self.factor, self.bounded = inner.factor, inner.bounded

    def encode(self, pixels: Tensor) -> Tensor:
        return join_views(self._inner.encode(split_views(pixels, self._views)), self._views)

    def decode(self, x: Tensor) -> Tensor:
        return join_views(self._inner.decode(split_views(x, self._views)), self._views)


def camera_vectors(azimuths: Tensor, elevations: Tensor) -> Tensor:
    """Cameras [..., 16] as MVDream is told them: the flattened camera-to-world matrices of cameras on a unit sphere.

    The camera's axes are OpenGL's (right, up, backward), the world's are Blender's (Z up). MVDream's azimuth grows
    as ours does, from -Y to +X, and its objects look to +X: `FRONT`. Degrees; elevation grows upwards.
    """
    azimuth, elevation = (azimuths + FRONT).double().deg2rad(), elevations.double().deg2rad()
    none = torch.zeros_like(azimuth)
    right = torch.stack([azimuth.cos(), azimuth.sin(), none], -1)
    backward = torch.stack([elevation.cos() * azimuth.sin(), -elevation.cos() * azimuth.cos(), elevation.sin()], -1)
    columns = torch.stack([right, torch.linalg.cross(backward, right), backward, backward], -1)
    last = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.double, device=azimuth.device)
    matrices = torch.cat([columns, last.expand(*columns.shape[:-2], 1, 4)], -2)
    return matrices.flatten(-2).float()


def unet_config(ldm: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The UNet2DConditionModel that a UNet of the original names is. Raises PriorError for another kind of it."""
    if ldm.get("ip_dim"):
        raise PriorError(f"{folder}: an ImageDream, whose prompts are pictures; MVDream itself takes text")
    try:
        channels = [ldm["model_channels"] * factor for factor in ldm["channel_mult"]]
        attends = [2**level in ldm["attention_resolutions"] for level in range(len(channels))]
        return {
            "sample_size": ldm["image_size"],
            "in_channels": ldm["in_channels"],
            "out_channels": ldm["out_channels"],
            "block_out_channels": channels,
            "layers_per_block": ldm["num_res_blocks"],
            "down_block_types": ["CrossAttnDownBlock2D" if each else "DownBlock2D" for each in attends],
            "up_block_types": ["CrossAttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attends)],
            "cross_attention_dim": ldm["context_dim"],
            # diffusers means the number of heads
            "attention_head_dim": [width // ldm["num_head_channels"] for width in channels],
            "transformer_layers_per_block": ldm.get("transformer_depth", 1),
            "use_linear_projection": True,
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": ldm["camera_dim"],
        }
    except KeyError as missing:
        raise PriorError(
            f"{folder / 'config.json'}: no {missing}, so not the MultiViewUNetModel of an MVDream"
        ) from None


def diffusers_weights(ldm: Mapping[str, Tensor], config: dict[str, Any]) -> dict[str, Tensor]:
    """A UNet's weights of the original names under those of `unet_config`'s UNet2DConditionModel."""
    # the converter knows the class embedding by this name, and all names by this prefix
    renamed = {
        f"model.diffusion_model.{name.replace('camera_embed.', 'label_emb.0.')}": weight for name, weight in ldm.items()
    }
    return convert_ldm_unet_checkpoint(renamed, config)


def _read_weights(folder: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    files = sorted(folder.glob("*.safetensors"))
    files = [file for file in files if ".fp16." not in file.name] or files
    return {name: weight.to(dtype) for file in files for name, weight in load_file(file).items()}
