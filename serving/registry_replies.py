"""Shapes of the registry's replies, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from serving.replies import Shape


class KnownBody(Shape):
    """A snapshot of the registry."""

    name: str
    is_serving: bool
    n_bytes: int
    snapshot_id: str | None
    as_of: str | None
    dataset_hash: str | None
    counts: dict[str, int] | None
    trouble: str | None


class MoveBody(Shape):
    """A promote or rollback as the journal has it."""

    time: str
    act: str
    who: str
    why: str
    before: str | None = Field(description="the name that served")
    after: str
    snapshot_id: str
    forced: bool
    chain: str


class SnapshotsBody(Shape):
    """The registry; the newest moves last."""

    snapshots: list[KnownBody]
    moves: list[MoveBody]
