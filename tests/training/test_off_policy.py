"""Off-policy estimates against the truth of simulated logs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import DataError
from training.experiments.off_policy import MIN_EFFECTIVE, OffPolicy, PolicyLog, effective_size, off_policy

N_KINDS, N_PRODUCTS, N_OWNERS, N_EACH = 6, 8, 300, 8
METHODS = ("ips", "snips", "doubly_robust")


def softmax(score: np.ndarray) -> np.ndarray:
    power = np.exp(score)
    return power / power.sum(axis=-1, keepdims=True)


def simulated(seed: int, sharpness: float = 1.0) -> tuple[PolicyLog, float]:
    """A log of owners of several kinds, and the candidate's true mean reward."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.02, 0.4, (N_KINDS, N_PRODUCTS))
    logging = softmax(rng.normal(0, 0.7, (N_KINDS, N_PRODUCTS)))
    candidate = softmax(sharpness * rng.normal(0, 1, (N_KINDS, N_PRODUCTS)) + 2 * truth)
    owner = np.repeat(np.arange(N_OWNERS), N_EACH)
    kind = rng.integers(0, N_KINDS, N_OWNERS)[owner]
    product = (logging[kind].cumsum(axis=1) < rng.random(len(kind))[:, None]).sum(axis=1)
    product = np.minimum(product, N_PRODUCTS - 1)
    keen = rng.uniform(0.5, 1.5, N_OWNERS)[owner]
    reward = rng.poisson(truth[kind, product] * keen).astype(float)
    model = np.clip(
        truth * 0.7 + rng.normal(0, 0.05, truth.shape) + 0.05, 0, None
    )  # wrong, and somewhat right
    log = PolicyLog(
        reward, logging[kind, product], candidate[kind, product], owner, model[kind, product],
        (candidate * model).sum(axis=1)[kind],
    )  # fmt: skip
    return log, float((candidate * truth).sum(axis=1).mean())


def covered(method: str, n_worlds: int, naive: bool = False) -> int:
    inside = 0
    for seed in range(n_worlds):
        log, truth = simulated(seed)
        if naive:
            log = replace(log, candidate=log.propensity)
        found = getattr(off_policy(log), method)
        inside += bool(found.low <= truth <= found.high)
    return inside


@pytest.mark.parametrize("method", METHODS)
def test_the_truth_is_in_the_interval_in_ninety_of_a_hundred_worlds(method: str) -> None:
    assert covered(method, 100) >= 90


def test_red_control_the_mean_of_the_log_is_no_estimate_of_the_candidate() -> None:
    assert covered("ips", 100, naive=True) < 90


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_the_interval_holds_the_truth_in_93_to_97_of_100_of_many_worlds(method: str) -> None:
    assert 0.93 <= covered(method, 4_000) / 4_000 <= 0.97


def test_a_model_makes_the_doubly_robust_interval_narrower() -> None:
    found = [off_policy(simulated(seed)[0]) for seed in range(40)]
    width = {m: np.mean([getattr(f, m).high - getattr(f, m).low for f in found]) for m in METHODS}
    assert width["doubly_robust"] < width["ips"]


def by_hand(n: int = 200) -> PolicyLog:
    """Two products shown alike; the first brings 1, the second 0; the candidate shows the first 3 in 4."""
    first = np.arange(n) % 2 == 0
    half = np.full(n, 0.5)
    return PolicyLog(first.astype(float), half, np.where(first, 0.75, 0.25), np.arange(n), half, half)


def test_estimates_by_hand() -> None:
    found: OffPolicy = off_policy(by_hand())
    assert float(found.ips.value) == pytest.approx(0.75)  # half of 1.5
    assert float(found.snips.value) == pytest.approx(0.75)
    assert float(found.doubly_robust.value) == pytest.approx(0.75)  # .5 + (1.5 · .5 - .5 · .5) / 2
    assert found.n_effective == pytest.approx(160)  # 200² / (100 · 2.25 + 100 · .25)
    assert float(found.covered.value) == pytest.approx(1.0)
    assert effective_size(np.zeros(3)) == 0.0


def test_a_candidate_that_the_log_could_not_have_shown_is_refused() -> None:
    log = by_hand()
    with pytest.raises(DataError, match=r"only 50% .* of what the candidate shows"):
        off_policy(replace(log, candidate=log.candidate * 0.5))
    with pytest.raises(DataError, match=f"worth 80 impressions .* {MIN_EFFECTIVE:.0f} are needed"):
        off_policy(by_hand(100))


def test_impossible_chances_are_refused() -> None:
    log = by_hand()
    with pytest.raises(DataError, match="propensity must be above 0"):
        off_policy(replace(log, propensity=log.propensity * 0))
    with pytest.raises(DataError, match="the candidate's chances"):
        off_policy(replace(log, candidate=log.candidate * 2))
    with pytest.raises(DataError, match="no impression with a propensity"):
        off_policy(
            PolicyLog(*(np.zeros(0) for _ in range(3)), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        )
