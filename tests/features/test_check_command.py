"""`sharepicks check`: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

from dataset_cases import small_town, write_csv
from typer.testing import CliRunner

from features.commands import app
from recsys.errors import UsageError

run = CliRunner().invoke


def test_a_dataset_that_keeps_the_contract_ends_with_0(tmp_path: Path) -> None:
    done = run(app, ["check", str(write_csv(tmp_path / "town", small_town(orders={0: {"sales": "1"}})))])
    assert done.exit_code == 0
    assert "orders                       3" in done.stdout
    assert "Ignored, not in the contract: orders: sales" in done.stdout
    assert "stock gate: stock is absent" in done.stdout
    assert done.stdout.endswith("The data contract is kept.\n")


def test_a_broken_dataset_ends_with_1_and_its_sentences(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town(orders={1: {"price_minor": "-5"}}))
    done = run(app, ["check", str(folder)])
    assert done.exit_code == 1
    assert "orders.csv row 2: price_minor must be >= 0; got -5" in done.stdout
    as_json = run(app, ["check", str(folder), "--json"])
    assert as_json.exit_code == 1
    found = json.loads(as_json.stdout)
    assert found["ok"] is False
    assert found["first_errors"][0]["sentence"] == "orders.csv row 2: price_minor must be >= 0; got -5"


def test_with_quarantine_the_rest_goes_on(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town(orders={1: {"price_minor": "-5"}}))
    done = run(
        app, ["check", str(folder), "--quarantine", str(tmp_path / "bad"), "--out", str(tmp_path / "good")]
    )
    assert done.exit_code == 0
    assert "Set aside" in done.stdout
    assert (tmp_path / "bad" / "orders.csv").exists()
    assert run(app, ["check", str(tmp_path / "good")]).exit_code == 0


def test_out_without_quarantine_is_refused(tmp_path: Path) -> None:
    done = run(app, ["check", str(tmp_path), "--out", str(tmp_path / "good")])
    assert isinstance(done.exception, UsageError)
