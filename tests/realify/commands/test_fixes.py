"""The command line says how the settings are given that a fix names, since the packages below name no options."""

from __future__ import annotations

import io
import re

import pytest
import typer
from rich.console import Console

from distill.rules.rule import NonFiniteGradient
from realify.commands.cli import told_errors
from realify.setting import SettingsError
from sdf_fit.body.body import LostSurfaceError
from sdf_fit.body.losses import NonFiniteError
from sdf_fit.render import BackendError, make_renderer


def told(error: Exception, settable: bool) -> list[str]:
    """The lines on the screen."""
    console = Console(file=io.StringIO(), width=400)
    with pytest.raises(typer.Exit), told_errors(console, debug=False, settable=settable):
        raise error
    return console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]


def backend_error() -> BackendError:
    with pytest.raises(BackendError) as caught:
        make_renderer("numba", "cuda")
    return caught.value


@pytest.mark.parametrize(
    ("error", "keys"),
    [
        (LostSurfaceError("the body has no surface left"), {"fit.lr", "geometry.lr", "geometry.keep_shape"}),
        (NonFiniteError("the loss is nan", NonFiniteGradient.fix), {"prior.dtype"}),
        (backend_error(), {"backend"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_settings_that_a_fix_names_are_told_as_options(error: Exception, keys: set[str]) -> None:
    *_, fix, how = told(error, settable=True)
    assert "--" not in fix
    assert set(re.findall(r"--set (\S+)=VALUE", how)) == keys


@pytest.mark.parametrize(
    ("error", "settable"),
    [
        (backend_error(), False),  # a command without settings
        (SettingsError("--set geometry.lr has no value.", "Write --set geometry.lr=VALUE."), True),  # says it already
        (SettingsError("There is no preset 'best'.", "Choose one of draft, standard."), True),  # names none
    ],
)
def test_nothing_is_added_where_it_does_not_help(error: Exception, settable: bool) -> None:
    assert "Give it here" not in "".join(told(error, settable))
