"""One command line from all rooms: a group that two rooms bring has the commands of both, each once."""

from __future__ import annotations

from recsys.cli import build_app

OF_SNAPSHOTS = {"list_", "show", "compare", "promote", "rollback"}


def commands_of(name: str) -> list[str]:
    """The names of the functions behind a group's commands."""
    (group,) = [group for group in build_app().registered_groups if group.name == name]
    assert group.typer_instance is not None
    return [str(info.callback.__name__) for info in group.typer_instance.registered_commands if info.callback]


def test_a_group_of_two_rooms_has_the_commands_of_both_however_often_it_is_built() -> None:
    for _ in range(3):
        found = commands_of("snapshots")
        assert set(found) >= OF_SNAPSHOTS and len(found) == len(set(found))


def test_a_group_of_one_room_stays_as_it_is() -> None:
    assert set(commands_of("experiment")) >= {"report"}
