"""What a scheduler's folder says of the noise a model was trained with; how it would take steps is not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from distill.priors.loading import PriorError, read_config
from distill.schedule import NoiseSchedule, Parametrization

# What Euler's scheduler puts in place of a last alpha-bar of zero, where clean pictures could not be told.
SMALLEST_ALPHA_BAR = 2.0**-24


def read_diffusion(folder: Path) -> tuple[NoiseSchedule, Parametrization]:
    """The variance-preserving schedule of the model in `folder`, and what its network predicts.

    Raises PriorError for a scheduler of another kind (flow, EDM).
    """
    config = _config(folder)
    if config["_class_name"].startswith(("FlowMatch", "EDM")) or config.get("use_flow_sigmas"):
        raise PriorError(
            f"{folder}: its scheduler is a {config['_class_name']}, but this family's noise is a table of betas, "
            "neither rectified flow nor EDM: use a model that was trained so"
        )
    scheduler: Any = DDPMScheduler.from_pretrained(str(folder / "scheduler"), local_files_only=True)
    predicts = scheduler.config["prediction_type"]
    if predicts not in ("epsilon", "v_prediction", "sample"):
        raise PriorError(f"{folder}: its scheduler predicts {predicts!r}, not epsilon, v_prediction or sample")
    alphas_cumprod = scheduler.alphas_cumprod
    alphas_cumprod = alphas_cumprod.where(alphas_cumprod > 0, SMALLEST_ALPHA_BAR)
    return NoiseSchedule.from_alphas_cumprod(alphas_cumprod), predicts


def read_flow(folder: Path) -> NoiseSchedule:
    """The schedule of a rectified flow. Raises PriorError for a scheduler of another kind."""
    config = _config(folder)
    if not config["_class_name"].startswith("FlowMatch"):
        raise PriorError(
            f"{folder}: its scheduler is a {config['_class_name']}, but this family is a rectified flow "
            "(FlowMatchEulerDiscreteScheduler): fetch the model again"
        )
    return NoiseSchedule.flow(config.get("num_train_timesteps", 1000))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_config(path)
    if "_class_name" not in config:
        raise PriorError(f"{path}: not there, or it does not say of which scheduler it is: fetch the model again")
    return config
