"""The command `sharepicks`: collects the commands that each room brings, and turns errors into sentences.

Rooms register a typer app under the entry point group `sharepicks.commands` (see pyproject.toml), so this
file imports none of them. Exit codes: 0 done, 1 failure, 2 usage.
"""

from __future__ import annotations

import errno
import sys
from importlib.metadata import entry_points

from recsys.threads import limit_threads

limit_threads()

import typer  # noqa: E402  the thread limits must be set before anything can import numpy
from typer.models import TyperInfo  # noqa: E402

from recsys.errors import SharepicksError  # noqa: E402

COMMAND_GROUP = "sharepicks.commands"


def build_app() -> typer.Typer:
    """The typer app with every room's commands, in alphabetical order of the rooms."""
    app = typer.Typer(
        name="sharepicks",
        help="Good-value picks for shop owners and their circles: a dataset goes in, a snapshot comes out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def _root() -> None:
        """Good-value picks for shop owners and their circles."""

    groups: dict[str, list[TyperInfo]] = {}
    for entry in sorted(entry_points(group=COMMAND_GROUP), key=lambda e: e.name):
        room = entry.load()
        app.registered_commands += room.registered_commands
        for group in room.registered_groups:
            groups.setdefault(group.name, []).append(group)
    app.registered_groups += [_joined(found) for found in groups.values()]
    return app


def _joined(groups: list[TyperInfo]) -> TyperInfo:
    """One group of commands; what several rooms bring under one name has the commands of all."""
    if len(groups) == 1:
        return groups[0]
    rooms = [group.typer_instance for group in groups if group.typer_instance is not None]
    both = typer.Typer(help=rooms[0].info.help)
    for room in rooms:
        both.registered_commands += room.registered_commands
    return TyperInfo(both, name=groups[0].name)


def _say(sentence: str) -> None:
    sys.stderr.write(f"sharepicks: {sentence}\n")


def main() -> None:
    """Run one command; every failure on purpose ends in a sentence and a non-zero exit code."""
    try:
        build_app()()
    except SharepicksError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("interrupted; what was not finished was not kept")
        sys.exit(1)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _say(f"no space left on the disk of {error.filename or 'the output'}; nothing half-written stays")
        else:
            _say(f"{error.filename or 'a file'}: {error.strerror or error}")
        sys.exit(1)
    except MemoryError:
        _say("out of memory; lower memory_limit_mb or take a larger machine")
        sys.exit(1)
