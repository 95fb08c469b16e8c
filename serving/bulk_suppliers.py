"""What suppliers learn as one file: a CSV row for each product, or a page for people."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from features.whole_text import write_whole
from recsys.errors import UsageError
from recsys.snapshot import Snapshot
from recsys.supplier_report import SupplierReport
from serving.bulk import refuse_bad_output

COLUMNS = (
    "supplier_id", "product_id", "title", "category", "closed_by", "value_score", "badge", "price_minor",
    "price_gap", "mend", "from", "to", "value_score_after",
)  # fmt: skip
MENDS_SHOWN = 5
PAGE_PRODUCTS = 1_000_000
RISKY = ("=", "+", "-", "@", "\t", "\r")  # a sheet would take a text that begins so for a formula


@dataclass(frozen=True, slots=True)
class SuppliersSummary:
    """What was written."""

    n_suppliers: int
    n_products: int
    n_unmet: int


def write_suppliers(snapshot: Snapshot, out: Path, supplier_id: str | None = None) -> SuppliersSummary:
    """Write the insights of all suppliers, or of one; UsageError for an unknown ending or supplier."""
    if out.suffix not in (".csv", ".html"):
        raise UsageError(f"--out must end in .csv or .html; got {out.name!r}")
    known = snapshot.ids("suppliers")
    if supplier_id is not None and known.row(supplier_id) < 0:
        raise UsageError("--supplier: the snapshot does not know this supplier")
    refuse_bad_output(out)
    report = SupplierReport(snapshot)
    wanted = list(known) if supplier_id is None else [supplier_id]
    found = [told for one in wanted if (told := report.insights(one, PAGE_PRODUCTS)) is not None]
    found = [told for told in found if told["n_products"]]
    unmet = report.demand()
    text = as_csv(found) if out.suffix == ".csv" else as_page(snapshot, found, unmet)
    write_whole(out, text)
    return SuppliersSummary(len(found), sum(told["n_products"] for told in found), len(unmet))


def as_csv(found: list[dict[str, Any]]) -> str:
    """The rows of `COLUMNS`; texts that a sheet would run are preceded by an apostrophe."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for told in found:
        mends = {(mend["product_id"], mend["action"]): mend for mend in told["mends"]}
        for product in told["products"]:
            mend = mends.get((product["product_id"], product["mend"]), {})
            row = product | {
                "supplier_id": told["supplier_id"], "closed_by": " ".join(product["closed_by"]),
                "from": mend.get("from"), "to": mend.get("to"),
                "value_score_after": mend.get("value_score_after"),
            }  # fmt: skip
            rows.writerow([_plain(row[name]) for name in COLUMNS])
    return text.getvalue()


def as_page(snapshot: Snapshot, found: list[dict[str, Any]], unmet: list[dict[str, Any]]) -> str:
    """One page without scripts or links; every text from the dataset is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"words": _words, "percent": _percent, "money": _money, "times": _times}
    template = files("serving").joinpath("templates/suppliers.html").read_text("utf-8")
    ranked = sorted(found, key=lambda told: -(told["mend_first"]["priority"] if told["mend_first"] else -1.0))
    return environment.from_string(template).render(
        snapshot_id=snapshot.manifest.snapshot_id, as_of=snapshot.manifest.fields.get("as_of"),
        suppliers=ranked, unmet=unmet, shown=MENDS_SHOWN,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(RISKY):
        return "'" + value
    return round(value, 4) if isinstance(value, float) else value


def _words(code: str) -> str:
    return code.replace("_", " ")


def _percent(rate: float) -> str:
    return f"{100 * rate:+.0f} %" if rate < 0 else f"{100 * rate:.1f} %"


def _money(minor: float) -> str:
    return f"{minor / 100:,.2f}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} ×"
