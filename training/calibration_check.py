"""Calibration, checked: what was predicted of shares beside what came of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z95 = 1.96

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tenth:
    """A tenth of the shares, by what was predicted: means per share; `low` to `high`: 95 % of what came."""

    n_shares: int
    predicted: float
    seen: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """What was predicted beside what came, per share.

    `error`: the expected calibration error, Σ part of the shares · |predicted − seen| over the tenths;
    `chance`: what it would be on average if every prediction were right, by Poisson draws.
    """

    tenths: tuple[Tenth, ...]
    n_shares: int
    predicted: float
    seen: float
    error: float
    chance: float


def check_calibration(predicted: Floats, n_kept: Floats, n_shares: Floats) -> CalibrationCheck | None:
    """Ten equal parts of the shares by prediction, what was predicted and seen in each; None without shares.

    predicted (n,): kept orders per share of pairs; n_kept, n_shares (n,): what came, by how many shares.
    """
    total = float(n_shares.sum())
    if total <= 0:
        return None
    order = np.argsort(predicted, kind="stable")
    reached = np.cumsum(n_shares[order]) - n_shares[order] / 2
    part = np.minimum((reached / total * 10).astype(np.int64), 9)
    tenths, error, chance = [], 0.0, 0.0
    for number in np.unique(part):
        rows = order[part == number]
        n = float(n_shares[rows].sum())
        said = float((predicted[rows] * n_shares[rows]).sum() / n)
        seen = float(n_kept[rows].sum() / n)
        # pairs are drawn, not shares: what one pair brings in several shares hangs together
        error_of_mean = float(np.sqrt(np.square(n_kept[rows] - seen * n_shares[rows]).sum())) / n
        tenths.append(
            Tenth(round(n), said, seen, max(seen - Z95 * error_of_mean, 0), seen + Z95 * error_of_mean)
        )
        error += n / total * abs(said - seen)
        chance += n / total * float(np.sqrt(2 / np.pi * said / n))
    return CalibrationCheck(
        tuple(tenths), round(total), float((predicted * n_shares).sum() / total),
        float(n_kept.sum() / total), error, chance,
    )  # fmt: skip
