from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.audience import write_audience
from recsys.cli import build_app
from recsys.errors import DataError
from recsys.snapshot_writer import SnapshotWriter
from training.audience import fit_audience

RUN = CliRunner()
TIMES = [f"2026-03-0{day}T08:00:00+00:00" for day in range(1, 6)]


def write_events(path: Path, owners: list[str], members: list[str], times: list[str], first: int = 0) -> None:
    with DatasetWriter(path) as writer:
        n = len(owners)
        writer.append(
            "products", {"product_id": ["p1", "p2"], "title": ["One", "Two"], "category": ["c", "c"]}
        )
        writer.append("share_events", {
            "event_id": [f"e{first + row}" for row in range(n)], "event_time": pd.to_datetime(times),
            "event_type": ["click"] * n, "owner_id": owners, "product_id": ["p1"] * n, "member_id": members,
        })  # fmt: skip


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """ann and bo came back to otto, ann twice; then cy to olga."""
    write_events(tmp_path / "past", ["otto", "otto", "otto", "olga"], ["ann", "bo", "ann", "cy"], TIMES[:4])
    with open_window(open_dataset(tmp_path / "past")) as window:
        ids = window.ids
        found = fit_audience(window, ids["owners"], ids["members"], window.owner_member, 0)
    with SnapshotWriter(tmp_path / "snapshot") as writer:
        for name in ("products", "owners", "members"):
            writer.ids(name, ids[name].tolist())
        write_audience(writer, found)
        writer.commit()
    return tmp_path / "snapshot"


def run(snapshot: Path, text: str, *more: str) -> tuple[pd.DataFrame, dict[str, object]]:
    queries, out = snapshot.parent / "q.csv", snapshot.parent / "out.parquet"
    queries.write_text(text, "utf-8")
    arguments = ["audience", str(snapshot), "--queries", str(queries), "--out", str(out), "-n", "3", "--json"]
    result = RUN.invoke(build_app(), [*arguments, *more], catch_exceptions=False, standalone_mode=False)
    return pq.read_table(out).to_pandas(), json.loads(result.stdout)


HEADER = "owner_id,product_id,query_time\n"


def test_members_are_ranked_for_each_query(snapshot: Path) -> None:
    found, said = run(
        snapshot, HEADER + "otto,p1,2026-03-06T16:00:00+08:00\nnobody,p9,2026-03-06T08:00:00Z\n"
    )
    assert list(found.columns) == ["owner_id", "product_id", "query_time", "rank", "member_id", "score"]
    otto = found[found.owner_id == "otto"]
    assert otto["rank"].tolist() == [1, 2, 3]
    assert otto.member_id.tolist()[:2] == ["ann", "bo"]
    assert set(otto.query_time) == {pd.Timestamp("2026-03-06T08:00:00Z")}
    assert len(found[found.owner_id == "nobody"]) == 3
    assert (said["n_queries"], said["n_unknown_owners"], said["n_rows"]) == (2, 1, 6)


def test_events_count_strictly_before_the_query_and_newcomers_too(snapshot: Path) -> None:
    later = snapshot.parent / "later"
    write_events(later, ["new-shop"], ["new-friend"], TIMES[4:], first=9)
    asked = HEADER + f"new-shop,p7,{TIMES[4]}\nnew-shop,p7,2026-03-05T08:00:01Z\n"
    found, said = run(snapshot, asked, "--events", str(later))
    at_once, after = (part.member_id.tolist() for _, part in found.groupby("query_time"))
    assert "new-friend" not in at_once
    assert after[0] == "new-friend"
    assert said["n_events_added"] == 1


def test_the_same_question_gives_the_same_file(snapshot: Path) -> None:
    text = HEADER + "otto,p1,2026-03-06T16:00:00+08:00\n"
    run(snapshot, text)
    first = (snapshot.parent / "out.parquet").read_bytes()
    run(snapshot, text)
    assert (snapshot.parent / "out.parquet").read_bytes() == first


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "otto,p1,2026-03-06T16:00:00",
            r"q\.csv row 3: query_time must be RFC 3339 with an offset.*got '2026",
        ),
        ("otto,p1,yesterday", r"q\.csv row 3: query_time must be .* got 'yesterday'"),
        ("otto,p1,2026-02-31T16:00:00Z", r"q\.csv row 3: query_time must be"),
        (",p1,2026-03-06T16:00:00Z", r"q\.csv row 3: owner_id must not be empty"),
    ],
)
def test_a_bad_query_is_named_and_nothing_is_written(snapshot: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        run(snapshot, HEADER + "otto,p1,2026-03-06T16:00:00Z\n" + row + "\n")
    assert not (snapshot.parent / "out.parquet").exists()


def test_help_shows_an_example() -> None:
    assert "Example: sharepicks audience" in RUN.invoke(build_app(), ["audience", "--help"]).output
