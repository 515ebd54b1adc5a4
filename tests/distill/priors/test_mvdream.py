"""The multi-view adapter on a tiny MVDream, held against the same network in plain torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from distill.canvas import join_views, split_views
from distill.load import load_prior
from distill.priors.loading import PriorError
from distill.priors.mvdream import MVDream, camera_vectors, diffusers_weights, unet_config
from distill.priors.options import PriorOptions
from distill.prompts import PromptTable
from distill.rules.bridge import Bridge
from sdf_fit.cameras import View, cam_to_work
from tests.distill.priors.tiny_mvdream import REAL, VIEWS, PlainUNet, save_tiny_mvdream


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mvdream")
    save_tiny_mvdream(path)
    return path


@pytest.fixture(scope="module")
def twin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PlainUNet:
    return save_tiny_mvdream(tmp_path_factory.mktemp("twin"))  # one seed, the same weights


@pytest.fixture(scope="module")
def prior(folder: Path) -> MVDream:
    loaded = load_prior(str(folder), "cpu", "float32")
    assert isinstance(loaded, MVDream)
    return loaded


def canvases(prior: MVDream, count: int = 2) -> Tensor:
    return torch.randn(count, *prior.shape, generator=torch.Generator().manual_seed(0))


def test_a_canvas_is_its_views_in_reading_order() -> None:
    views = torch.arange(8.0)[:, None, None, None].expand(8, 3, 2, 2)
    canvas = join_views(views, VIEWS)
    assert canvas.shape == (2, 3, 4, 4)
    assert canvas[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert torch.equal(split_views(canvas, VIEWS), views)
    with pytest.raises(ValueError, match="no square"):
        join_views(views, 2)


def test_the_prediction_is_the_plain_networks(prior: MVDream, twin: PlainUNet) -> None:
    embeds = prior.embed(["a red apple", "a blue mug"])
    x, t = canvases(prior), torch.tensor([40, 800])
    predicted = split_views(prior.predict_noise(x, t, embeds), VIEWS).unflatten(0, (2, VIEWS))
    assert embeds.camera is not None
    for i, views in enumerate(split_views(x, VIEWS).unflatten(0, (2, VIEWS))):
        plain = twin(views, int(t[i]), embeds.hidden[i], embeds.camera[i])
        assert torch.allclose(predicted[i], plain, atol=1e-5)
        alone = twin(views, int(t[i]), embeds.hidden[i], embeds.camera[i], joined=False)
        assert (plain - alone).abs().max() > 1e-3  # the views do see each other


def test_the_published_checkpoints_names_all_find_their_place() -> None:
    """Without the weights themselves: names and shapes alone."""
    config = unet_config(REAL, Path("unet"))
    assert config["attention_head_dim"] == [5, 10, 20, 20]  # as in Stable Diffusion 2.1's own configuration
    assert config["down_block_types"] == ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    with torch.device("meta"):
        plain, network = PlainUNet(REAL), UNet2DConditionModel(**config)
    network.load_state_dict(diffusers_weights(plain.state_dict(), config), assign=True)
    count = sum(weight.numel() for weight in network.parameters())
    assert count == sum(weight.numel() for weight in plain.parameters())
    assert count == 865_910_724 + 16 * 1280 + 1280 + 1280 * 1280 + 1280  # Stable Diffusion 2.1's, and the camera's


def test_views_are_alike_but_for_their_cameras(prior: MVDream) -> None:
    embeds, x, t = prior.embed(["a red apple"]), canvases(prior, 1), torch.tensor([300])
    assert embeds.camera is not None
    order = torch.tensor([2, 0, 3, 1])
    turned = join_views(split_views(x, VIEWS)[order], VIEWS)
    before = split_views(prior.predict_noise(x, t, embeds), VIEWS)
    after = prior.predict_noise(turned, t, replace(embeds, camera=embeds.camera[:, order]))
    assert torch.allclose(split_views(after, VIEWS), before[order], atol=1e-5)
    without = prior.predict_noise(turned, t, embeds)
    assert (split_views(without, VIEWS) - before[order]).abs().max() > 1e-3


def test_the_camera_changes_the_prediction(prior: MVDream) -> None:
    embeds, x, t = prior.embed(["a red apple"]), canvases(prior, 1), torch.tensor([300])
    azimuths, elevations = torch.tensor([[30.0, 120, 210, 300]]), torch.full((1, 4), 5.0)
    other = prior.with_cameras(embeds, azimuths, elevations)
    assert (prior.predict_noise(x, t, other) - prior.predict_noise(x, t, embeds)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="with_cameras"):
        prior.predict_noise(x, t, replace(embeds, camera=None))


def test_cameras_are_ours_with_blenders_axes_and_the_front_on_plus_x() -> None:
    """MVDream's own, at azimuths 90, 180, …: x to the right of a camera that looks along -Z; the world is Z up."""
    azimuths, elevation = torch.tensor([0.0, 90, 200]), 15.0
    vectors = camera_vectors(azimuths, torch.full_like(azimuths, elevation)).view(-1, 4, 4)
    blender = torch.tensor([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    for azimuth, vector in zip(azimuths, vectors, strict=True):
        assert torch.allclose(vector, blender @ cam_to_work(View(float(azimuth) + 90, elevation, 1.0, 40.0)), atol=1e-6)
    front = vectors[0]
    assert front[:3, 3].norm() == pytest.approx(1) and front[0, 3] > 0.9 and abs(float(front[1, 3])) < 1e-6
    assert front[2, 3] == pytest.approx(0.2588, abs=1e-3)


def test_shapes_and_spaces(prior: MVDream) -> None:
    assert (prior.shape, prior.views, prior.card.resolution) == ((4, 16, 16), 4, 64)
    images = torch.rand(2, 64, 64, 3, requires_grad=True)
    x = prior.encode(images)
    assert x.shape == (2, *prior.shape) and prior.decode(x).shape == images.shape
    x[:, :, :8, 8:].square().sum().backward()  # each view is encoded by itself: the second's gradient stays there
    assert images.grad is not None
    seen = (images.grad != 0).any(-1)
    assert seen[:, :32, 32:].float().mean() > 0.9
    assert not seen[:, 32:].any() and not seen[:, :, :32].any()


def test_the_style_leaves_the_views_to_the_cameras(prior: MVDream) -> None:
    assert not prior.card.views and prior.card.cameras is not None
    embeds = prior.embed(["a", "b", "c"])
    assert embeds.camera is not None and embeds.camera.shape == (3, VIEWS, 16)
    assert torch.equal(embeds.camera[0], embeds.camera[2])  # the unconditional prompt's too


def test_a_rule_and_an_adapter_run(folder: Path) -> None:
    prior = load_prior(str(folder), "cpu", "float32")
    prompts = PromptTable(prior, "a red apple").batch([None, None], [None, None])
    x, t = prior.encode(torch.rand(2, 64, 64, 3)), torch.tensor([100, 800])
    noise = torch.randn_like(x)
    rule = Bridge()
    gradient, _ = rule.step(rule.init(prior), prior, x, t, noise, prompts)
    assert gradient.shape == x.shape and gradient.any()
    adapter = prior.adapter(2, torch.Generator().manual_seed(0))
    before = prior.predict_noise(x, t, prompts.target)
    assert torch.allclose(adapter.predict_noise(x, t, prompts.target), before, atol=1e-6)
    adapter.loss(x, t, noise, prompts.target).backward()
    assert any(weight.grad is not None and weight.grad.any() for weight in adapter.parameters())


def test_half_precision_is_close(folder: Path, prior: MVDream) -> None:
    half = load_prior(str(folder), "cpu", "bfloat16")
    embeds, x, t = prior.embed(["a red apple"]), canvases(prior, 1), torch.tensor([500])
    exact = prior.predict_noise(x, t, embeds)
    assert (half.predict_noise(x, t, embeds) - exact).norm() < 0.05 * exact.norm()


def test_what_is_no_mvdream_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="takes no ControlNet"):
        load_prior(str(folder), "cpu", options=PriorOptions(controlnet="depth:somewhere"))
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = copy / "unet" / "config.json"
    original = json.loads(config.read_text(encoding="utf-8"))
    for change, told in (({"ip_dim": 16}, "ImageDream"), ({"channel_mult": [1, 1]}, "not those of its config")):
        config.write_text(json.dumps(original | change), encoding="utf-8")
        with pytest.raises(PriorError, match=told):
            load_prior(str(copy), "cpu")
    config.write_text(json.dumps({"_class_name": "MultiViewUNetModel"}), encoding="utf-8")
    with pytest.raises(PriorError, match="channel_mult"):
        load_prior(str(copy), "cpu")
    weights = next((copy / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(PriorError, match="pickled"):
        load_prior(str(copy), "cpu")
