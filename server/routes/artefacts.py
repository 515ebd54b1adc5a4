"""A job's files, by names that the server gives them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from realify.job.run_folder import SETTINGS
from server.artefacts import NAMES, PUBLISHED
from server.jobs.artefacts import find, settings_json
from server.problem import Problem
from server.routes.answers import Responses, errors
from server.routes.file_answer import file_answer
from server.routes.jobs import found
from server.services import TheServices
from server.store import uploads

router = APIRouter(tags=["jobs"])
FILE: Responses = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "The part of it that `Range` asks for."},
    304: {"description": "It is still the one that `If-None-Match` names."},
    **errors(404, 416),
}


@router.get("/v1/jobs/{job_id}/artefacts/{name}", response_class=Response, responses=FILE)
@router.head("/v1/jobs/{job_id}/artefacts/{name}", include_in_schema=False)
async def get_artefact(job_id: str, name: str, request: Request, services: TheServices) -> Response:
    """result.glb, preview.png, sheet.png, turntable.webp, log.txt, settings.json, or sketch as it came. The job lists
    those that are there now."""
    row = found(job_id, services)
    if name not in NAMES:
        raise Problem(404, "unknown_artefact", f"There is no artefact {name[:60]!r}.", f"One of {', '.join(NAMES)}.")
    if name == SETTINGS:
        return Response(settings_json(row), media_type="application/json", headers={"Cache-Control": "no-cache"})
    artefact = find(row, services.store.read(uploads.get, row.sketch), services.folders, name)
    if artefact is not None:
        try:
            return await file_answer(request, artefact.path, artefact.media_type, artefact.disposition)
        except FileNotFoundError:
            pass  # not written yet, or the job was not asked for it
    if name in PUBLISHED and row.state != "done":
        raise Problem(404, "not_ready", f"The job is {row.state}.", f"{name} is there once it is done.")
    raise Problem(404, "no_artefact", f"The job has no {name} now.", "The job's `artefacts` lists what there is.")
