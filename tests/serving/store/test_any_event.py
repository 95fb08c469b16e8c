"""Whatever JSON comes as an event: rows or a rule come back, and nothing is raised."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from test_events_route import MUG, NOW, ORDER, TEA, segment

from features.segment_events import KNOWN_EVENTS
from serving.store.events import EventError, EventReader

ODD_TEXTS = (
    "", " ", "\0", "\ud800", "é" * 200, "0001-01-01T00:00:00+14:00", "9999-12-31T24:00:00-14:00", "24:00",
    "1e999", "-0", "CNY", "mug", "2024-05-10T10:00:00Z",
)  # fmt: skip
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(ODD_TEXTS) | st.text(max_size=8)
)  # fmt: skip
ANY_JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
WHOLE: dict[str, Any] = {
    "order_id": "o1", "currency": "CNY", "products": [MUG, TEA], "share_via": "sms", "recipient": "cem",
    "share_id": "s1", "owner_id": "w-1", **MUG,
}  # fmt: skip


@st.composite
def segment_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event that Segment could have sent, with one or two fields that it never sends."""
    event = segment(draw(st.sampled_from(sorted(KNOWN_EVENTS))), "m1", **WHOLE)
    line = dict(MUG)
    event["properties"]["products"] = [line, TEA]
    for holder in draw(st.lists(st.sampled_from((event, event["properties"], line)), min_size=1, max_size=2)):
        field = draw(st.sampled_from([*sorted(holder), "anonymousId", "quantity", "type"]))
        holder[field] = draw(ANY_JSON)
    return event


@st.composite
def contract_rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row of the contract with a field of another kind."""
    return dict(ORDER) | {draw(st.sampled_from(sorted(ORDER))): draw(ANY_JSON)}


@given(st.one_of(ANY_JSON, segment_events(), contract_rows()))
def test_any_event_becomes_rows_or_a_sentence(event: Any) -> None:
    read = EventReader(NOW).read(event)
    assert isinstance(read, EventError) or all(row.content.encode() for row in read)
    if isinstance(read, list) and read:
        assert read[0].n_together == len(read)
