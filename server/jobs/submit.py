"""From what a client asks for to a row of the queue; jobs, batches and watched folders come in here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from realify.setting import SettingsError
from realify.settings import Settings, apply, preset, to_dict
from server.config import RequestLimits
from server.models import NewJob
from server.problem import Problem
from server.store.rows import NewRow, UploadRow

REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
ALIAS = re.compile(r"[\w-]*")


def new_row(new: NewJob, upload: UploadRow | None, limits: RequestLimits) -> NewRow:
    """Everything about the job that can be checked before it runs. Raises Problem 404 and 422."""
    if upload is None:
        raise Problem(
            404, "unknown_sketch", f"No sketch {new.sketch} was uploaded.", "PUT it to /v1/uploads/SHA256 first."
        )
    prompt = new.prompt.strip()
    if not prompt or len(prompt) > limits.prompt_letters:
        raise Problem(
            422,
            "bad_prompt",
            f"The prompt has {len(prompt)} letters, 1 to {limits.prompt_letters} are taken.",
            "Say in a sentence what it is.",
        )
    settings = _settings(new)
    return NewRow(
        sketch=new.sketch,
        name=(new.name or "").strip() or Path(upload.name).stem,
        prompt=prompt,
        preset=new.preset,
        seed=settings.seed,
        settings=dict(new.settings),
        full_settings=to_dict(settings),
        priority=new.priority,
    )


def body_sha(new: NewJob) -> str:
    """What tells a repeated request from another one under the same Idempotency-Key."""
    return hashlib.sha256(new.model_dump_json().encode()).hexdigest()


def _settings(new: NewJob) -> Settings:
    changes: dict[str, Any] = dict(new.settings)
    if new.seed is not None:
        if changes.get("seed", new.seed) != new.seed:
            raise Problem(
                422, "bad_setting", f"The seed is given twice: {new.seed} and {changes['seed']}.", "Give it once."
            )
        changes["seed"] = new.seed
    try:
        settings = apply(preset(new.preset), changes)
    except SettingsError as error:
        raise Problem(422, "bad_setting", error.message, error.fix) from error
    _refuse_path("prior.name", settings.prior.name)
    for part in re.split("[,:]", settings.prior.controlnet):  # several, perhaps with what each is shown before it
        _refuse_path("prior.controlnet", part.strip())
    return settings


def _refuse_path(key: str, name: str) -> None:
    """Over HTTP a prior is an alias or a repository's id: no client chooses which folder of the server is read."""
    is_id = REPOSITORY.fullmatch(name) and not Path(name).exists()
    if not is_id and not ALIAS.fullmatch(name):
        raise Problem(
            422,
            "bad_setting",
            f"{key} is {name[:120]!r}; folders cannot be named over HTTP.",
            "Give an alias (GET /v1/options lists them) or a repository's id such as owner/name.",
        )
