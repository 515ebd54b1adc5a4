"""How it stands with the server in one line, and the one button that helps."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import bpy

from ..jobs.state import ServerStatus
from ..net.address import is_loopback, normalised
from ..text.words import tr
from ..text.wrapping import draw_text
from .preferences import ROOT

CONNECT, START, PAIR = "realify.check_server", "realify.start_server", "realify.pair"
ONLINE, SETTINGS = "realify.allow_online", "preferences.addon_show"


@dataclass(frozen=True)
class StatusLine:
    """`button` is an operator's name and the text on it; none where waiting is all there is to do."""

    icon: str
    text: str
    button: tuple[str, str] | None = None


def line_for(status: ServerStatus) -> StatusLine:
    """The line of a status, translated."""
    if status.state == "ready":
        return _ready(status)
    again = (CONNECT, tr("Try Again"))
    if status.state == "unreachable":
        return _silent(status, again)
    settings = (SETTINGS, tr("Open Preferences"))
    lines = {
        "unknown": StatusLine("QUESTION", tr("Not connected"), (CONNECT, tr("Connect"))),
        "connecting": StatusLine("SORTTIME", tr("Connecting…")),
        "starting": StatusLine("SORTTIME", tr("Starting the server…")),
        "no_token": StatusLine("LOCKED", tr("The server does not know you yet"), (PAIR, tr("Pair"))),
        "bad_token": StatusLine("LOCKED", tr("The server does not accept the token"), (PAIR, tr("Pair"))),
        "other_version": StatusLine("ERROR", tr("The server is of another version"), again),
        "not_realify": StatusLine("ERROR", tr("This is no Realify server"), settings),
        "offline": StatusLine("INTERNET_OFFLINE", tr("Blender is offline"), (ONLINE, tr("Allow Online Access"))),
        "unknown_certificate": StatusLine("LOCKED", tr("The server's certificate is not known"), settings),
        "bad_address": StatusLine("ERROR", tr("The address cannot be read"), settings),
        "no_program": StatusLine("ERROR", tr("Realify is not found on this computer"), settings),
        "port_in_use": StatusLine("ERROR", tr("The server could not start"), (START, tr("Start Server"))),
        "start_failed": StatusLine("ERROR", tr("The server could not start"), (START, tr("Start Server"))),
    }
    return lines.get(status.state) or StatusLine("ERROR", tr("Something is in the way"), again)


def is_waiting(status: ServerStatus) -> bool:
    """Whether nothing is to be done but to wait."""
    return status.state in ("connecting", "starting") or (status.state == "ready" and bool(status.message))


def _ready(status: ServerStatus) -> StatusLine:
    if status.message:
        return StatusLine("SORTTIME", tr("The server warms up"))
    if _is_here(status):
        return StatusLine("CHECKMARK", tr("Ready on this computer"))
    return StatusLine("CHECKMARK", tr("Ready on {}").format(_host(status)))


def _silent(status: ServerStatus, again: tuple[str, str]) -> StatusLine:
    if _is_here(status):
        return StatusLine("UNLINKED", tr("No server runs here"), (START, tr("Start Server")))
    return StatusLine("UNLINKED", tr("{} does not answer").format(_host(status)), again)


def _host(status: ServerStatus) -> str:
    return urlsplit(normalised(status.url)[0]).hostname or status.url


def _is_here(status: ServerStatus) -> bool:
    """An address that was never tried means this computer, where the preferences point at first."""
    return not status.url or is_loopback(normalised(status.url)[0])


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, status: ServerStatus) -> None:
    """The line, what is the matter if anything is, and the button."""
    line = line_for(status)
    layout.label(text=line.text, icon=line.icon, translate=False)
    if status.state != "ready" and not is_waiting(status):
        text = f"{status.message} {status.fix}".strip()
        if status.state == "unreachable" and line.button is not None and line.button[0] == START:
            text = tr("Start it, or give the address of another one in the preferences.")
        if text:
            draw_text(layout, text, context)
    elif status.message:
        draw_text(layout, status.message, context)
    if line.button is not None:
        operator, text = line.button
        properties = layout.operator(operator, text=text, translate=False)
        if operator == SETTINGS:
            properties.module = ROOT
