"""Events as a stream sends them."""

from __future__ import annotations

from server.jobs.views import event_view
from server.store.rows import EventRow


def event_text(row: EventRow) -> bytes:
    """The lines of one server-sent event."""
    data = event_view(row).model_dump_json(exclude_none=True)
    return f"id: {row.id}\nevent: {row.kind}\ndata: {data}\n\n".encode()
