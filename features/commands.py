"""The commands that `features` brings to `sharepicks`."""

from __future__ import annotations

import typer

app = typer.Typer()
