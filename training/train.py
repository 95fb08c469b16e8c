"""A dataset goes in, a snapshot comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from features.check import check_dataset
from features.columns.commission import commission_rates
from features.dataset import Dataset, open_dataset
from features.engine import DuckDBEngine, OpenEngine
from features.fingerprint import dataset_hash
from features.scene_outcomes import scene_outcomes
from features.window import open_window
from recsys.audience import write_audience
from recsys.errors import UsageError
from recsys.model import Model
from recsys.model_files import write_model
from recsys.run_card import run_card_path
from recsys.snapshot_writer import SnapshotWriter
from recsys.threads import thread_count
from training.assemble import assemble, lists_of
from training.audience import fit_audience
from training.audits import audits
from training.bursts import bursts
from training.commission_rung import with_rung
from training.config import Config, config_from
from training.good_value import good_value
from training.inputs import Inputs
from training.insights import insights
from training.learn import SeenAs, fold_count, held_out_folds, learn_rankers, moment_count, past_moments
from training.read_inputs import read_inputs
from training.scenes import scene_lifts
from training.stages import Say, Stages, peak_memory_mb
from training.usual_share import usual_kept


@dataclass(frozen=True, slots=True)
class Trained:
    """What one training run made; `card` is what stands in the run card beside the snapshot."""

    path: Path
    snapshot_id: str
    card: Mapping[str, Any]


def train(
    dataset_path: Path,
    out: Path,
    *,
    as_of: datetime | None = None,
    config: Config | Mapping[str, Any] | None = None,
    say: Say = lambda _: None,
    open_engine: OpenEngine = DuckDBEngine,
) -> Trained:
    """Trains a snapshot of the dataset as of a moment (None: its last event) and writes it to `out`.

    DataError when the dataset breaks its contract, UsageError when `out` is taken. The same dataset, config
    and moment give the same snapshot; time and memory stand in the run card beside it, not in it.
    `open_engine`: what computes graphs and columns, see `features.choose_engine`.
    """
    if out.exists():
        raise UsageError(f"{out}: already exists; name a new folder for the snapshot")
    say = stages = Stages(say)
    chosen = config if isinstance(config, Config) else config_from(config or {})
    dataset = open_dataset(dataset_path)
    say("checking the dataset")
    check_dataset(dataset).raise_if_broken()
    n_threads = thread_count()
    say("reading the window")
    limit_mb = chosen.run.memory_limit_mb
    with open_window(
        dataset, as_of, memory_limit_mb=limit_mb, threads=n_threads, open_engine=open_engine
    ) as window:
        inputs = read_inputs(window, chosen.graphs)
        moment, off = window.as_of, list(window.off)
        say("learning who comes back")
        audience = fit_audience(
            window, inputs.owner_ids, inputs.member_ids, inputs.owner_member, chosen.run.seed, n_threads,
            chosen.audience,
        )  # fmt: skip
        say("weighing how orders ended")
        value = good_value(window, inputs, chosen.run.seed)
        commission = commission_rates(window)
        learned = insights(window, inputs)
        bursting = bursts(window, inputs.catalogue.category_row)
        scenes, unheard = scene_lifts(scene_outcomes(window), inputs.catalogue)
    model, not_learned = fit_model(dataset, inputs, moment, chosen, n_threads, say, open_engine=open_engine)
    model = replace(
        model, value=value, commission=commission, bursts=bursting, insights=learned, scenes=scenes
    )
    model = with_rung(model, chosen.run.seed)
    say("writing the snapshot")
    with SnapshotWriter(out) as writer:
        write_model(writer, model, list(inputs.catalogue.supplier_ids))
        write_audience(writer, audience)
        manifest = writer.commit(
            dataset_hash=dataset_hash(dataset), as_of=None if moment is None else moment.isoformat(),
            config=chosen.as_mapping(), off=[list(pair) for pair in (*off, *unheard, *not_learned)],
            counts=_counts(inputs),
        )  # fmt: skip
    say("auditing lists")
    card = {
        "audits": audits(model, chosen.run.seed), "snapshot_id": manifest.snapshot_id, **manifest.fields,
        "train_seconds": round(stages.seconds, 2), "peak_memory_mb": peak_memory_mb(),
        "threads": n_threads, "stages": stages.ended(),
    }  # fmt: skip
    run_card_path(out).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Trained(out, manifest.snapshot_id, card)


def fit_model(
    dataset: Dataset, inputs: Inputs, moment: datetime | None, config: Config, n_threads: int,
    say: Say = lambda _: None, seen_as: SeenAs | None = None, open_engine: OpenEngine = DuckDBEngine,
) -> tuple[Model, tuple[tuple[str, str], ...]]:  # fmt: skip
    """The model in memory with its rankers, and what they could not be learned from.

    `inputs` are the dataset's as of the moment; `seen_as` takes something away from what the model may see,
    now and in every past, while labels stay whole.
    """
    say("fitting operators")
    settings = {"candidates_per_source": config.candidates.per_source, "list": asdict(config.list)}
    model = assemble(seen_as(inputs) if seen_as else inputs, config.operators, config.run.seed, settings)
    model = replace(model, lists=lists_of(model, config.run.seed))
    if moment is None:
        pasts, n_pasts = held_out_folds(inputs, config), fold_count(inputs, config)
    else:
        pasts = past_moments(dataset, moment, inputs, config, n_threads, open_engine)
        n_pasts = moment_count(inputs, moment, config)
    has_circle = bool(len(inputs.circle.row)) if seen_as else None
    learned = learn_rankers(model, pasts, n_pasts, config, n_threads, say, seen_as, has_circle)
    model = replace(model, rankers=learned.rankers, calibrations=learned.calibrations)
    usual = usual_kept(model, config.run.seed)
    return replace(model, signals=replace(model.signals, usual_kept=usual)), learned.off


def _counts(inputs: Inputs) -> dict[str, int]:
    return {
        "owners": len(inputs.owner_ids), "members": len(inputs.member_ids), "products": inputs.n_products,
        "purchases": len(inputs.purchases), "shares": len(inputs.shares.owner_row),
        "circle": len(inputs.circle.row),
    }  # fmt: skip
