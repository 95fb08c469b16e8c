"""The five roles, and a caller who has one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller is to the platform."""

    STOREFRONT = "storefront"
    OWNER = "owner"
    SCIENTIST = "scientist"
    SUPPLIER = "supplier"
    OPERATOR = "operator"


# A role that sees one part of the world only, and the parameter that names that part in every route.
SCOPE_OF = {Role.OWNER: "owner_id", Role.SUPPLIER: "supplier_id"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, known by a key or a token.

    `scope_id`: the owner or supplier she is, None for the roles without one. `bucket`: what her requests are
    counted under; never logged.
    """

    role: Role
    scope_id: str | None
    bucket: str
