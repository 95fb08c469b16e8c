"""Rows of the data contract, who was erased, and the salt of their hashes."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
GROWING = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "contract_rows",
        sa.Column("seq", GROWING, primary_key=True, autoincrement=True),
        sa.Column("table_name", TEXT, nullable=False),
        sa.Column("row_key", TEXT, nullable=False),
        sa.Column("owner_id", TEXT),
        sa.Column("member_id", TEXT),
        sa.Column("order_id", TEXT),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("received_time", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("table_name", "row_key", name="contract_rows_key"),
        sqlite_autoincrement=True,
    )
    for name in ("owner_id", "member_id", "order_id"):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"contract_rows_{name}",
            "contract_rows",
            [name, "seq"],
            sqlite_where=there,
            postgresql_where=there,
        )
    op.create_table(
        "erased_ids",
        sa.Column("seq", GROWING, primary_key=True, autoincrement=True),
        sa.Column("id_hash", TEXT, nullable=False, unique=True),
        sa.Column("erased_time", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    settings = op.create_table(
        "store_settings",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", TEXT, nullable=False),
    )
    op.bulk_insert(settings, [{"name": "salt", "value": secrets.token_hex(32)}])
    if op.get_bind().dialect.name == "postgresql":
        # Closed by default: a connection sees every row only when it says so, or one owner's when it names
        # her. FORCE, since without it the role that made the table would be let past its own rule.
        rule = (
            "current_setting('sharepicks.scope', true) = 'all' "
            "OR owner_id = nullif(current_setting('sharepicks.owner_id', true), '')"
        )
        op.execute("ALTER TABLE contract_rows ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE contract_rows FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY by_owner ON contract_rows USING ({rule}) WITH CHECK ({rule})")
