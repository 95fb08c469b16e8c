"""What a score stands for: fitted on counts whose law is known, and checked by tenths worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import BEYOND, fit_calibration
from training.calibration_check import check_calibration


def drawn(n: int = 40_000, slope: float = 0.5, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores around 0, one share each, kept orders Poisson with mean ½ · e^(slope · score)."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 1, n).astype(np.float32)
    return score, rng.poisson(0.5 * np.exp(slope * score)).astype(float), np.ones(n)


def test_the_line_finds_the_law_that_the_counts_follow() -> None:
    line = fit_calibration(*drawn())
    assert line is not None
    at = np.array([-1.5, -0.5, 0, 0.5, 1.5], dtype=np.float32)
    assert line.expected_at(at) == pytest.approx(0.5 * np.exp(0.5 * at), rel=0.12)
    assert line.spread < 0.05


def test_the_line_rises_strictly_and_goes_on_past_the_best_share_but_not_for_ever() -> None:
    score, kept, shares = drawn()
    line = fit_calibration(score, kept, shares)
    assert line is not None
    assert (np.diff(line.score) > 0).all() and (np.diff(line.expected) >= 0).all()
    beyond = line.expected_at(np.array([score.max(), score.max() + 1, 1e6], dtype=np.float32))
    assert beyond[0] < beyond[1] < beyond[2]
    best_seen = line.expected[len(line.expected) - 17]
    assert beyond[2] == pytest.approx(best_seen * np.exp(BEYOND), rel=1e-4)


def test_a_score_that_tells_nothing_gets_one_level() -> None:
    score, kept, shares = drawn(slope=0.0)
    line = fit_calibration(score, kept, shares)
    assert line is not None
    middle = line.expected_at(np.quantile(score, [0.1, 0.9]).astype(np.float32))
    assert middle == pytest.approx([0.5, 0.5], abs=0.05)


def test_several_shares_of_a_pair_count_as_so_many() -> None:
    score = np.repeat(np.array([0, 1], dtype=np.float32), 200)
    line = fit_calibration(score, np.where(score > 0, 6.0, 1.0), np.full(400, 4.0))
    assert line is not None
    assert line.expected_at(np.array([0, 1], dtype=np.float32)) == pytest.approx([0.25, 1.5], abs=0.02)


def test_counts_that_hang_together_have_a_spread() -> None:
    rng = np.random.default_rng(2)
    score = rng.normal(0, 1, 40_000).astype(np.float32)
    kept = rng.poisson(0.5 * np.exp(0.5 * score) * rng.gamma(2.0, 0.5, len(score))).astype(float)
    line = fit_calibration(score, kept, np.ones(len(score)))
    assert line is not None
    assert line.spread == pytest.approx(0.5, abs=0.12)  # the variance of the gamma


def test_too_little_kept_is_no_calibration() -> None:
    score, kept, shares = drawn(60)
    assert fit_calibration(score, np.minimum(kept, 0), shares) is None


def test_tenths_are_of_shares_and_the_error_is_their_mean_distance() -> None:
    predicted = np.array([0.1, 0.3, 0.2, 0.4])
    check = check_calibration(predicted, np.array([0.0, 3.0, 2.0, 2.0]), np.full(4, 5.0))
    assert check is not None
    assert (check.n_shares, check.predicted, check.seen) == (20, pytest.approx(0.25), pytest.approx(0.35))
    assert [(part.predicted, part.seen) for part in check.tenths] == [
        (0.1, 0.0), (0.2, 0.4), (pytest.approx(0.3), 0.6), (0.4, 0.4),
    ]  # fmt: skip
    assert check.error == pytest.approx((0.1 + 0.2 + 0.3 + 0.0) / 4)


def test_what_is_rightly_predicted_errs_no_more_than_chance_would() -> None:
    score, kept, shares = drawn()
    right = check_calibration(0.5 * np.exp(0.5 * score.astype(float)), kept, shares)
    assert right is not None
    assert right.error < 2 * right.chance


def test_red_control_predictions_twice_too_high_err_far_beyond_chance() -> None:
    score, kept, shares = drawn()
    wrong = check_calibration(np.exp(0.5 * score.astype(float)), kept, shares)
    assert wrong is not None
    assert wrong.error > 20 * wrong.chance
    assert all(part.high < part.predicted for part in wrong.tenths)


def test_no_shares_are_nothing_to_check() -> None:
    nothing = np.zeros(0)
    assert check_calibration(nothing, nothing, nothing) is None
