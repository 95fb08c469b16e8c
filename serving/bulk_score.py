"""`sharepicks score`: any owner–product pairs, scored as the ranker would, gates aside.

An owner the snapshot does not know is scored as one it knows nothing of, which is how the popular list that
she would get is ranked. A product it does not know gets the lowest score that this owner would give to the
products with the least evidence. Neither depends on what else is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.domain import Target
from recsys.ids import IdList
from recsys.model import Model
from recsys.model_files import model_of
from recsys.pairs import Pairs
from recsys.ranking import chunk_size, score_pairs, scoring_of
from recsys.snapshot import Snapshot
from serving.bulk import whole_parquet
from serving.bulk_input import read_pairs

Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Progress = Callable[[int], None]  # how many pairs are done

N_LEAST_KNOWN = 32  # products whose lowest score stands for one that nobody has seen
SCHEMA = pa.schema([
    ("owner_id", pa.string()), ("product_id", pa.string()), ("score", pa.float32()), ("known", pa.bool_()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """What was answered: pairs in all, and those with an id that the snapshot never saw."""

    n_pairs: int
    n_unknown: int


def score_file(
    snapshot: Snapshot, pairs: Path, out: Path, target: Target, progress: Progress = lambda _: None
) -> ScoreSummary:
    """Score every row of a CSV or Parquet file, in its order, into a Parquet file.

    Columns owner_id, product_id, score float32 (finite), known bool. DataError when the file is not what it
    should be; then `out` stays as it was.
    """
    model = model_of(snapshot)
    n_pairs = n_unknown = 0
    with whole_parquet(out, SCHEMA) as writer:
        for block in read_pairs(pairs):
            owner_row = rows_of(block.column("owner_id"), model.people.owners)
            product_row = rows_of(block.column("product_id"), model.products.ids)
            score = score_rows(model, owner_row, product_row, target)
            known = (owner_row >= 0) & (product_row >= 0)
            columns = [*block.columns, pa.array(score), pa.array(known)]
            writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
            n_pairs += block.num_rows
            n_unknown += int((~known).sum())
            progress(n_pairs)
    return ScoreSummary(n_pairs, n_unknown)


def rows_of(values: pa.Array, ids: IdList) -> Rows:
    """The row of each id, -1 where the list lacks it; int32."""
    coded = values.dictionary_encode()
    rows = ids.rows(coded.dictionary.to_pylist())
    found: Rows = rows[coded.indices.to_numpy(zero_copy_only=False)]
    return found


def score_rows(model: Model, owner_row: Rows, product_row: Rows, target: Target) -> Floats:
    """The score of each pair, float32 (n_pairs,), finite; -1 stands for an unknown owner or product."""
    score = np.zeros(len(owner_row), dtype=np.float32)
    if not len(owner_row) or not model.n_products:
        return score
    owners, owner = np.unique(owner_row, return_inverse=True)
    asked = product_row >= 0
    key = owner.astype(np.int64) * model.n_products + product_row
    lacking = np.unique(owner[~asked])
    least_known = np.argsort(model.products.popularity, kind="stable")[:N_LEAST_KNOWN]
    stand_in = (lacking[:, None] * np.int64(model.n_products) + least_known).ravel()
    keys = np.unique(np.concatenate([key[asked], stand_in]))
    scores = _score_keys(model, owners, keys, target)
    score[asked] = scores[np.searchsorted(keys, key[asked])]
    if len(lacking):
        lowest = scores[np.searchsorted(keys, stand_in)].reshape(len(lacking), -1).min(axis=1)
        score[~asked] = lowest[np.searchsorted(lacking, owner[~asked])]
    return score


def _score_keys(model: Model, owners: Rows, keys: npt.NDArray[np.int64], target: Target) -> Floats:
    """Scores of sorted keys: position in `owners` times n_products, plus product row."""
    owner, product = np.divmod(keys, model.n_products)
    score = np.empty(len(keys), dtype=np.float32)
    step = chunk_size(model)
    for start in range(0, len(owners), step):
        low, high = np.searchsorted(owner, [start, start + step])
        part: slice[Any, Any, Any] = slice(int(low), int(high))
        scoring = scoring_of(model, owners[start : start + step], target)
        pairs = Pairs((owner[part] - start).astype(np.int32), product[part].astype(np.int32))
        score[part] = score_pairs(scoring, pairs)
    return score
