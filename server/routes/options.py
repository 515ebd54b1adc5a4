"""What page, panel and command line offer."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Response

from distill.hub.catalog import CATALOG
from distill.hub.locate import MissingPrior, find_prior
from realify.setting import Row
from realify.settings import PRESETS, STANDARD, describe, to_dict
from server.models import Options, PriorOption, SettingRow
from server.routes.answers import answer
from server.services import TheServices
from server.sketches.check import SUFFIXES

router = APIRouter(tags=["options"])


@router.get("/v1/options", response_model=Options)
async def get_options(services: TheServices) -> Response:
    """Presets, priors, backends, and every setting with type, default, range and help."""
    standard = to_dict(STANDARD)
    rows = [_row(row) for row in describe()]
    presets = {
        name: {key: value for key, value in to_dict(settings).items() if value != standard[key]}
        for name, settings in PRESETS.items()
    }
    backends = next(row.choices for row in rows if row.key == "backend") or []
    limits = services.config.limits
    options = Options(
        presets=presets,
        priors=await asyncio.to_thread(_priors),
        backends=[str(each) for each in backends],
        settings=rows,
        formats=list(SUFFIXES),
        limits={"upload_bytes": limits.upload_bytes, "prompt_letters": limits.prompt_letters},
    )
    return answer(options)


def _row(row: Row) -> SettingRow:
    return SettingRow.model_validate({**asdict(row), "default": row.value}, extra="ignore")


def _priors() -> list[PriorOption]:
    """Those that a job may name; a ControlNet stands beside one and is none itself."""
    alone = {name: entry for name, entry in CATALOG.items() if entry.control is None}
    return [
        PriorOption(name=name, title=f"{name}: {entry.family}", ready=_is_here(name)) for name, entry in alone.items()
    ]


def _is_here(name: str) -> bool:
    try:
        find_prior(name)
    except MissingPrior:
        return False
    return True
