"""Members with tastes and budgets, owners with influence, and the circles that tie them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.contract import RELATIONS
from training.town.catalogue import TOPS
from training.town.config import TownConfig
from training.town.draw import Array, GroupedWeights, unit_rows
from training.town.goods import N_DIMENSIONS, Leaves
from training.town.names import N_BRANDS, REGIONS, SHOPS

MEMBERS_PER_COMMUNITY = 150
CIRCLE_MEDIAN, CIRCLE_SIGMA, CIRCLE_LARGEST = 30, 0.8, 2000
OWN_COMMUNITY_PART = 0.7  # of a circle; the rest comes from anywhere
RELATION_PART = (0.25, 0.3, 0.1, 0.2, 0.15)  # follower, customer, invited, group_member, friend
RELATION_TIE = (-1.0, 0.2, 0.2, -0.4, 1.3)  # mean logit of the tie


@dataclass(frozen=True, slots=True)
class Members:
    """Members, one row each; all of it is hidden."""

    taste: NDArray[np.float32]  # (n_members, N_DIMENSIONS), unit length
    community: NDArray[np.int64]
    budget: NDArray[np.float32]  # log of the price she likes over the leaf's usual price
    price_sensitivity: NDArray[np.float32]
    activity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.community)


@dataclass(frozen=True, slots=True)
class Owners:
    """Owners, one row each. Hidden: taste, influence, activity, greed, style_noise."""

    member: NDArray[np.int64]  # the same person as a member; -1: none
    taste: NDArray[np.float32]
    influence: NDArray[np.float32]  # (n_owners, n_tops), logit added where she is listened to
    activity: NDArray[np.float64]
    greed: NDArray[np.float32]
    community: NDArray[np.int64]
    upline: NDArray[np.int64]  # -1: none; always an earlier row
    joined_day: NDArray[np.int64]
    region: NDArray[np.int64]
    brand: NDArray[np.int64]
    ending: NDArray[np.int64]
    first_leaf: NDArray[np.int64]
    second_leaf: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.member)


@dataclass(frozen=True, slots=True)
class Circle:
    """Who an owner knows, one row per pair, sorted by owner; `tie` in (0, 1) is hidden."""

    owner: NDArray[np.int32]
    member: NDArray[np.int32]
    tie: NDArray[np.float32]
    since_day: NDArray[np.int32]
    relation: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.owner)

    def starts(self, n_owners: int) -> NDArray[np.int64]:
        """Where each owner's rows begin, (n_owners + 1,)."""
        return np.searchsorted(self.owner, np.arange(n_owners + 1))


def draw_members(config: TownConfig, leaves: Leaves, rng: np.random.Generator) -> Members:
    """Members in communities of like taste and like purse."""
    n = config.n_members
    n_communities = max(n // MEMBERS_PER_COMMUNITY, 3)
    community = rng.integers(n_communities, size=n)
    shared = _liking(n_communities, leaves, rng)[community]
    own = _liking(n, leaves, rng)
    noise = unit_rows(rng.normal(size=(n, N_DIMENSIONS)).astype(np.float32))
    budget = rng.normal(0, 0.3, n_communities)[community] + rng.normal(0, 0.3, n)
    return Members(
        taste=unit_rows(0.75 * shared + 0.5 * own + 0.3 * noise),
        community=community,
        budget=budget.astype(np.float32),
        price_sensitivity=np.exp(rng.normal(0.1, 0.45, n)).astype(np.float32),
        activity=np.exp(rng.normal(0, 0.7, n)),
    )


def _liking(n: int, leaves: Leaves, rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors that each lean to four leaves."""
    total = np.zeros((n, N_DIMENSIONS), dtype=np.float32)
    for weight in (1.0, 0.8, 0.6, 0.4):
        total += np.float32(weight) * leaves.vector[rng.integers(len(leaves), size=n)]
    return unit_rows(total)


def draw_owners(config: TownConfig, leaves: Leaves, members: Members, rng: np.random.Generator) -> Owners:
    """Owners in the order they joined; the last 2 % have only just joined and have no history."""
    n, n_same = config.n_owners, min(config.n_owners, config.n_members)
    member = np.full(n, -1, dtype=np.int64)
    member[rng.permutation(n)[:n_same]] = rng.permutation(config.n_members)[:n_same]
    like = np.where(member >= 0, member, rng.integers(config.n_members, size=n))
    taste, community = members.taste[like], members.community[like]
    top_vectors = unit_rows(np.stack([leaves.vector[leaves.top == t].sum(axis=0) for t in range(len(TOPS))]))
    known_for = taste @ top_vectors.T
    liking = taste @ leaves.vector.T
    best = np.argsort(-liking, axis=1, kind="stable")
    joined = np.sort(np.minimum(-rng.integers(10, 900, n), -1))
    n_late, n_new = int(0.05 * n), max(int(0.02 * n), 1 if n >= 10 else 0)
    joined[n - n_late - n_new :] = rng.integers(0, max(config.n_days - 1, 1), n_late + n_new)
    joined[n - n_new :] = config.n_days - 1
    joined = np.sort(joined)
    activity = np.exp(rng.normal(0, 0.8, n))
    activity[n - n_new :] = 0.0
    return Owners(
        member=member,
        taste=taste,
        influence=(0.6 * known_for / 0.25 + rng.normal(0, 0.4, known_for.shape) - 0.3).astype(np.float32),
        activity=activity,
        greed=np.maximum(rng.normal(1.0, 0.8, n), 0).astype(np.float32),
        community=community,
        upline=_uplines(community, rng),
        joined_day=joined,
        region=rng.integers(len(REGIONS), size=int(members.community.max()) + 1)[community],
        brand=rng.integers(N_BRANDS, size=n),
        ending=rng.integers(len(SHOPS), size=n),
        first_leaf=best[:, 0],
        second_leaf=best[:, min(1, len(leaves) - 1)],
    )


def _uplines(community: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Who invited each owner: an earlier one, of her own community when one of four draws is."""
    n = len(community)
    draws = (rng.random((n, 4)) * np.arange(n)[:, None]).astype(np.int64)
    alike = community[draws] == community[:, None]
    upline = draws[np.arange(n), alike.argmax(axis=1)]
    upline[rng.random(n) < 0.3] = -1
    upline[0] = -1
    return np.asarray(upline)


def draw_circle(config: TownConfig, members: Members, owners: Owners, rng: np.random.Generator) -> Circle:
    """Overlapping circles: mostly of the owner's community, with sizes log-normal."""
    n, largest = config.n_owners, min(CIRCLE_LARGEST, max(config.n_members // 2, 1))
    sizes = np.exp(rng.normal(np.log(CIRCLE_MEDIAN), CIRCLE_SIGMA, n))
    sizes = np.clip(np.rint(sizes), 3, largest).astype(np.int64)
    new = owners.activity == 0
    sizes[new] = np.minimum(rng.integers(0, 6, n), largest)[new]
    owner = np.repeat(np.arange(n), sizes)
    sociable = members.activity * np.exp(rng.normal(0, 0.5, len(members)))
    at_home = GroupedWeights.build(members.community, sociable, int(members.community.max()) + 1)
    anywhere = GroupedWeights.build(np.zeros(len(members), dtype=np.int64), sociable, 1)
    home = rng.random(len(owner)) < OWN_COMMUNITY_PART
    member = np.empty(len(owner), dtype=np.int64)
    member[home] = at_home.draw(owners.community[owner[home]], rng)
    member[~home] = anywhere.draw(np.zeros(int((~home).sum()), dtype=np.int64), rng)
    pairs = np.unique(owner * config.n_members + member)
    owner, member = pairs // config.n_members, pairs % config.n_members
    keep = member != owners.member[owner]
    owner, member = owner[keep], member[keep]

    relation = rng.choice(len(RELATIONS), size=len(owner), p=RELATION_PART)
    alike = np.einsum("ek,ek->e", owners.taste[owner], members.taste[member])
    logit = np.array(RELATION_TIE)[relation] + 0.6 * alike + rng.normal(0, 0.8, len(owner)) - 0.3
    return Circle(
        owner=owner.astype(np.int32),
        member=member.astype(np.int32),
        tie=(1 / (1 + np.exp(-logit))).astype(np.float32),
        since_day=_since(config, owners.joined_day[owner], rng),
        relation=relation.astype(np.int8),
    )


def _since(config: TownConfig, joined: Array, rng: np.random.Generator) -> NDArray[np.int32]:
    """The day each tie began: from the owner's joining on, one in eight while the town runs."""
    before = joined + rng.random(len(joined)) * np.maximum(-joined, 0)
    during = np.maximum(joined, 0) + rng.random(len(joined)) * (config.n_days - np.maximum(joined, 0))
    day = np.where((joined < 0) & (rng.random(len(joined)) < 0.875), before, during)
    return np.clip(np.floor(day), joined, config.n_days - 1).astype(np.int32)
