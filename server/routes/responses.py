"""What a route may answer beside its success, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from server.models import ErrorBody

Responses = dict[int | str, dict[str, Any]]


def errors(*statuses: int) -> Responses:
    """Errors in their one shape."""
    return {status: {"model": ErrorBody} for status in statuses}
