"""One setting: the help and range its field carries, how a value is read, what an error says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

JsonValue = str | int | float | bool | None


class SettingsError(ValueError):
    """A setting that cannot be: `message` says what was got, `fix` what is wanted."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message = message
        self.fix = fix


def number(default: float | None, low: float, high: float, help: str) -> Any:
    """A field that holds a number in [low, high]."""
    return field(default=default, metadata={"help": help, "range": (low, high)})


def numbers(default: str, low: float, high: float, help: str) -> Any:
    """A field that holds one or more numbers in [low, high] as text, with commas between."""
    return field(default=default, metadata={"help": help, "range": (low, high), "many": True})


def read_numbers(text: str) -> tuple[float, ...]:
    """The numbers of such a field."""
    return tuple(float(part) for part in text.split(","))


def choice(default: str | int, choices: tuple[str | int, ...], help: str) -> Any:
    """A field that holds one of a few values."""
    return field(default=default, metadata={"help": help, "choices": choices})


def free(default: str | bool, help: str) -> Any:
    """A field that holds any text, or a yes or no."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Row:
    """One setting as a form or a table shows it; `type` is int, float, bool or str, `many`: numbers in a str."""

    key: str
    type: str
    optional: bool
    value: JsonValue
    range: tuple[float, float] | None
    choices: tuple[JsonValue, ...] | None
    help: str
    many: bool = False

    def parse(self, value: Any) -> JsonValue:
        """`value` (text, or typed as JSON types it) in this setting's type. Raises SettingsError."""
        if self.optional and (value is None or str(value).lower() == "none"):
            return None
        if self.many:
            return self._parse_numbers(value)
        parsed = _PARSERS[self.type](value)
        if parsed is None:
            raise SettingsError(f"{self.key} is {value!r}.", f"It takes {self.takes}.")
        if self.range and not self.range[0] <= parsed <= self.range[1]:
            raise SettingsError(f"{self.key} is {value}, out of its range.", f"It takes {self.takes}.")
        if self.choices and parsed not in self.choices:
            raise SettingsError(f"{self.key} is {value!r}.", f"It takes {self.takes}.")
        return parsed

    def _parse_numbers(self, value: Any) -> str:
        low, high = self.range or (-math.inf, math.inf)
        parsed = [_parse_float(part) for part in (value.split(",") if isinstance(value, str) else [value])]
        if any(each is None or not low <= each <= high for each in parsed):
            raise SettingsError(f"{self.key} is {value!r}.", f"It takes {self.takes}.")
        return ",".join(shown(each) for each in parsed)

    @property
    def takes(self) -> str:
        """The values this setting takes, in words."""
        if self.choices:
            words = "one of " + ", ".join(str(one) for one in self.choices)
        else:
            words = "one number or more with commas between, each" if self.many else _TYPE_WORDS[self.type]
        if self.range:
            words += f" from {shown(self.range[0])} to {shown(self.range[1])}"
        return words + (", or none" if self.optional else "")


def shown(value: JsonValue) -> str:
    """A value as a person reads and types it."""
    if value is None:
        return "none"
    if value == "":
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parse_bool(value: Any) -> bool | None:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    return words.get(str(value).strip().lower())


def _parse_float(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        parsed = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def _parse_int(value: Any) -> int | None:
    parsed = _parse_float(value)  # so that 1e4 and 300.0 are whole numbers too
    return int(parsed) if parsed is not None and parsed.is_integer() else None


def _parse_str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_PARSERS = {"bool": _parse_bool, "float": _parse_float, "int": _parse_int, "str": _parse_str}
_TYPE_WORDS = {"bool": "true or false", "float": "a number", "int": "a whole number", "str": "text"}
