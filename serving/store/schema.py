"""Every table of the online store, for both databases.

Text is compared byte by byte: SQLite does so by itself, PostgreSQL by the collation "C".
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
GROWING = BigInteger().with_variant(Integer(), "sqlite")

# A row of any table of the data contract. One narrow table and not fifteen wide ones: a new table or column
# of the contract then needs no migration, and one index finds every row of a member.
contract_rows = Table(
    "contract_rows",
    metadata,
    Column("seq", GROWING, primary_key=True, autoincrement=True),
    Column("table_name", TEXT, nullable=False),
    Column("row_key", TEXT, nullable=False),
    Column("owner_id", TEXT),
    Column("member_id", TEXT),
    Column("order_id", TEXT),  # of rows that speak of an order; an order's own id begins its key
    Column("content", TEXT, nullable=False),  # canonical JSON
    Column("received_time", BigInteger, nullable=False),  # microseconds since 1970
    UniqueConstraint("table_name", "row_key", name="contract_rows_key"),
    sqlite_autoincrement=True,  # a seq is never given twice, also after the last row was erased
)
for _name in ("owner_id", "member_id", "order_id"):
    _column = contract_rows.c[_name]
    Index(
        f"contract_rows_{_name}",
        _column,
        contract_rows.c.seq,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

# Who was erased, and whose orders went with her, as salted hashes: late rows about them are refused.
erased_ids = Table(
    "erased_ids",
    metadata,
    Column("seq", GROWING, primary_key=True, autoincrement=True),
    Column("id_hash", TEXT, nullable=False, unique=True),
    Column("erased_time", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

store_settings = Table(
    "store_settings",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
)
