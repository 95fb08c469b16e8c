"""The keys of callers, and the record of administrative acts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0002"
down_revision = "s0001"

TIME = sa.String(27)


def upgrade() -> None:
    """Make the tables of callers."""
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(12), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("scope_id", sa.Text),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_time", TIME, nullable=False),
        sa.Column("expires_time", TIME, nullable=False),
        sa.Column("revoked_time", TIME),
        sa.Column("replaced_by", sa.String(12)),
    )
    op.create_index("api_keys_expires", "api_keys", ["expires_time"])
    op.create_table(
        "audit_log",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("act_time", TIME, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column(
            "only", sa.Integer, sa.CheckConstraint('"only" = 1'), primary_key=True, autoincrement=False
        ),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
    )
