"""The tables of callers: keys, the audit log, and where its chain ends."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text

from serving.store.schema import metadata

# Instants are RFC 3339 text in UTC with six digits of seconds: they sort as they follow one another.
TIME = String(27)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),  # the prefix: not secret, and what a key is found by
    Column("secret_hash", String(64), nullable=False),  # SHA-256 of the secret part, in hex
    Column("role", String(16), nullable=False),
    Column("scope_id", Text),
    Column("label", Text, nullable=False),
    Column("created_time", TIME, nullable=False),
    Column("expires_time", TIME, nullable=False),
    Column("revoked_time", TIME),
    Column("replaced_by", String(12)),
)
Index("api_keys_expires", api_keys.c.expires_time)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("act_time", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),  # canonical JSON
    Column("previous_hash", String(64), nullable=False),
    Column("row_hash", String(64), nullable=False),
)

# One row: the newest link. Without it, dropping the last rows of the log would leave a whole chain.
audit_head = Table(
    "audit_head",
    metadata,
    Column("only", Integer, CheckConstraint('"only" = 1'), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("row_hash", String(64), nullable=False),
)
