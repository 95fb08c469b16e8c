"""Taobao shares: an inviter shared a product, and a voter came back through the link.

Source: CAAI-BDSC2023 task 2. `share_events.csv[.gz]` has `triple_id, voter_id, inviter_id, item_id,
timestamp`, the timestamp in China time (+08:00, no summer time). A later part of the same source imports
as a dataset of its own.
"""

from __future__ import annotations

from pathlib import Path

from features.dataset import DatasetWriter
from features.importers.source_rows import (
    find_file,
    parse_local_times,
    read_text_rows,
    refuse_blank,
    refuse_where,
    sorted_ids,
)

COLUMNS = ("triple_id", "voter_id", "inviter_id", "item_id", "timestamp")
CHINA_TIME = "Asia/Shanghai"


def import_dataset(source: Path, writer: DatasetWriter) -> None:
    """Write one click per source row, and who came back to whom as circle; everybody is owner and member."""
    file = find_file(source, ["share_events.csv.gz", "share_events.csv"])
    events = read_text_rows(file, COLUMNS, header=True)
    refuse_blank(events, file, COLUMNS)
    local_time = parse_local_times(events["timestamp"], file)
    events["event_time"] = local_time.dt.tz_localize(CHINA_TIME).dt.tz_convert("UTC")

    n_rows = len(events)
    twice = events.duplicated("triple_id") & ~events.duplicated()
    refuse_where(twice, file, events["triple_id"], "name one event only, and this one has another content")
    events = events.drop_duplicates()
    products = sorted_ids(events["item_id"])
    people = sorted_ids(events["inviter_id"], events["voter_id"])
    others = events[events["inviter_id"] != events["voter_id"]]
    pairs = others.groupby(["inviter_id", "voter_id"])["event_time"].min().reset_index()

    writer.append(
        "products", {"product_id": products, "title": products, "category": ["unknown"] * len(products)}
    )
    writer.append("owners", {"owner_id": people, "member_id": people})
    writer.append("circle", {
        "owner_id": pairs["inviter_id"],
        "member_id": pairs["voter_id"],
        "relation": ["friend"] * len(pairs),
        "since_time": pairs["event_time"],
    })  # fmt: skip
    writer.append("share_events", {
        "event_id": events["triple_id"],
        "event_time": events["event_time"],
        "event_type": ["click"] * len(events),
        "owner_id": events["inviter_id"],
        "product_id": events["item_id"],
        "member_id": events["voter_id"],
    })  # fmt: skip

    writer.note(
        "The moment of the share is not in the source, only that of the return: there is no table shares."
    )
    writer.note(
        "Orders and prices are not in the source: there is no table orders, the dataset is priceless."
    )
    writer.note(
        "Titles and categories are not in the source: a title is the id, every category is 'unknown'."
    )
    writer.note("Timestamps have no offset; they are read as China time (+08:00) and kept as UTC.")
    writer.note("A circle holds who came back through a link of hers; since_time is the first such event.")
    if n_rows > len(events):
        writer.note(f"{n_rows - len(events):,} rows repeat another row exactly and count once.")
