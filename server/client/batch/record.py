"""What a batch has done so far, in OUT/batch.json: from it the same command goes on where it stopped."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realify.job.atomic import write_atomic
from realify.setting import SettingsError
from server.client.batch.items import Item

NAME = "batch.json"


@dataclass
class Record:
    """`id` keys what is sent to the server; `jobs` has for each item's key its job, its state and how long it took."""

    file: Path
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    batches: list[str] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, out: Path) -> Record:
        """What `save` wrote, or an empty one. Raises SettingsError where the file is damaged."""
        file = out / NAME
        if not file.exists():
            return cls(file)
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return cls(file, told["id"], list(told["batches"]), dict(told["jobs"]))
        except (ValueError, KeyError, TypeError) as error:
            fix = "Remove it to begin anew, or give another -o."
            raise SettingsError(f"{file} is damaged: {error!r}.", fix) from error

    def recall(self, item: Item) -> None:
        """Gives the item what is known of it."""
        known = self.jobs.get(item.key)
        if known is not None:
            item.job, item.state = known["job"], known["state"]
            item.seconds, item.error = known["seconds"], known["error"]

    def note(self, items: list[Item]) -> None:
        """Keeps what is known of the items, on disk."""
        for item in items:
            if item.job is not None:
                told = {"job": item.job, "state": item.state, "seconds": item.seconds, "error": item.error}
                self.jobs[item.key] = {"name": item.name, **told}
        self.save()

    def forget(self, item: Item) -> None:
        """The item is to be handed in anew, and no earlier request must answer for it."""
        self.jobs.pop(item.key, None)
        self.id = secrets.token_hex(16)
        item.job, item.state, item.seconds, item.error = None, "waiting", None, ""

    def save(self) -> None:
        """Writes the file."""
        told = {"id": self.id, "batches": self.batches, "jobs": self.jobs}
        write_atomic(self.file, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
