"""Settings are typed values: take a preset, change keys, keep them as JSON, list what there is.

python examples/03_settings.py geometry.lr=2e-3 output.turntable=yes
"""

from __future__ import annotations

import json
import sys

from realify.settings import SettingsError, apply, describe, from_dict, preset, to_dict


def main() -> None:
    changes = dict(change.split("=", 1) for change in sys.argv[1:])
    settings = apply(preset("draft"), changes)
    kept = json.dumps(to_dict(settings))
    assert from_dict(json.loads(kept)) == settings
    for row in describe(settings):
        print(f"{row.key:28} {row.value!s:12} {row.takes}")
    try:
        apply(settings, {"geometry.learning_rate": 1e-3})
    except SettingsError as error:
        print(error)


if __name__ == "__main__":
    main()
