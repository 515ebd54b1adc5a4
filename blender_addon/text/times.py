"""Spans of time in words."""

from __future__ import annotations

from .words import tr


def time_left(seconds: float | None, told: float, now: float) -> str:
    """ "about 2 minutes left"; `seconds` was true at `told`. Nothing where nothing is known."""
    if seconds is None:
        return ""
    left = seconds - (now - told)
    if left < 8:
        return tr("a few seconds left")
    return tr("about {} left").format(span(left))


def span(seconds: float) -> str:
    """ "20 seconds", "2 minutes", "1 h 40 min": as exact as a guess deserves."""
    if seconds < 57:
        return tr("{} seconds").format(max(10, round(seconds / 10) * 10))
    if seconds < 90:
        return tr("a minute")
    minutes = round(seconds / 60)
    if minutes < 60:
        return tr("{} minutes").format(minutes)
    hours, minutes = divmod(minutes // 5 * 5, 60)  # to five minutes, downwards
    return tr("{} h {} min").format(hours, minutes) if minutes else tr("{} h").format(hours)


def took(seconds: float) -> str:
    """ "8 s", "4 min 10 s", "1 h 5 min": what is over is known exactly."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return tr("{} h {} min").format(hours, minutes)
    return tr("{} min {} s").format(minutes, rest) if minutes else tr("{} s").format(rest)
