"""The online store: rows in, durable when they are acknowledged; rows out, in the order they came.

One class for both databases. Where they differ on the hot path stands behind `RowWriter`; everything else is
SQLAlchemy Core over one schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import SQLAlchemyError

from serving.store.group_writer import GroupWriter
from serving.store.rows import id_hash
from serving.store.schema import contract_rows, erased_ids, store_settings
from serving.store.seam import Erasure, Outcome, RowWriter, StoredRow, StoreError, StoreRow, failed

N_ROWS_MAX = 10_000  # in one answer
N_IDS_AT_ONCE = 500  # in one question


class Store:
    """A store that is open; made by `open_store`, closed when its `with` block ends. Safe for threads."""

    def __init__(
        self, engine: Engine, open_writer: Callable[[bytes], RowWriter], scrub: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._scrub = scrub
        self.salt = self._read_salt()
        self._writer = GroupWriter(lambda: open_writer(self.salt))

    def submit(self, rows: Sequence[StoreRow]) -> Future[list[Outcome]]:
        """What becomes of each row, once all are durable; for an event loop, see `asyncio.wrap_future`.

        StoreError at once, or in the future, when nothing of the rows is known to be kept.
        """
        return self._writer.submit(rows)

    def ingest(self, rows: Sequence[StoreRow], within_s: float = 30.0) -> list[Outcome]:
        """What became of each row; all that is stored is durable. StoreError as `submit`."""
        try:
            return self.submit(rows).result(within_s)
        except TimeoutError:
            raise StoreError(f"the store did not answer within {within_s:g} seconds") from None

    def rows_after(self, seq: int, limit: int = 1000) -> list[StoredRow]:
        """Rows with a larger seq, oldest first; a replica that polls meets each row and misses none.

        A row that an erasure changed comes again under a new seq.
        """
        columns = contract_rows.c
        query = select(columns.seq, columns.table_name, columns.content, columns.received_time)
        return self._rows(query.where(columns.seq > seq), limit)

    def rows_of_owner(self, owner_id: str, after: int = 0, limit: int = 1000) -> list[StoredRow]:
        """Rows of one owner with a larger seq; where the database can, it guards the others itself."""
        columns = contract_rows.c
        query = select(columns.seq, columns.table_name, columns.content)
        query = query.where(columns.owner_id == owner_id, columns.seq > after)
        return self._rows(query, limit, owner_id)

    def row_of(self, table_name: str, row_key: str) -> str | None:
        """The content of one row; None where there is none."""
        columns = contract_rows.c
        query = select(columns.content).where(columns.table_name == table_name, columns.row_key == row_key)
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def rows_about_orders(self, table_name: str, order_ids: Sequence[str]) -> list[str]:
        """The contents of a table's rows that speak of these orders."""
        columns = contract_rows.c
        found: list[str] = []
        with self.reading() as connection:
            for start in range(0, len(order_ids), N_IDS_AT_ONCE):
                some = order_ids[start : start + N_IDS_AT_ONCE]
                query = select(columns.content).where(columns.order_id.in_(some))
                found += connection.execute(query.where(columns.table_name == table_name)).scalars()
        return found

    def erasures_after(self, seq: int, limit: int = 1000) -> list[Erasure]:
        """Who was erased since: a replica drops every member whose `hash_of` is among them."""
        query = select(erased_ids.c.seq, erased_ids.c.id_hash).where(erased_ids.c.seq > seq)
        query = query.order_by(erased_ids.c.seq).limit(min(limit, N_ROWS_MAX))
        with self.reading() as connection:
            return [Erasure(*row) for row in connection.execute(query)]

    def hash_of(self, member_id: str) -> str:
        """The salted hash under which a member would be erased."""
        return id_hash(self.salt, "member", member_id)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction for what is administrative: all of it is kept and durable, or nothing."""
        with _as_sentence(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self, owner_id: str | None = None) -> Iterator[Connection]:
        """One unchanging view of the store; of one owner's rows only, where the database can guard that."""
        options = {"sharepicks_reads": True, "sharepicks_owner_id": owner_id}
        with _as_sentence(), self._engine.connect() as plain:
            connection = plain.execution_options(**options)
            with connection.begin():
                yield connection

    def scrub(self) -> bool:
        """Whether nothing that was deleted is left in any file.

        False on SQLite: try again when readers are done; on PostgreSQL always, see docs/store.md.
        """
        with _as_sentence():
            return self._scrub()

    def close(self) -> None:
        """Write what waits and let go of every connection."""
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _rows(
        self, query: Select[int, str, str] | Select[int, str, str, int], limit: int,
        owner_id: str | None = None,
    ) -> list[StoredRow]:  # fmt: skip
        query = query.order_by(contract_rows.c.seq).limit(min(limit, N_ROWS_MAX))
        with self.reading(owner_id) as connection:
            return [StoredRow(*row) for row in connection.execute(query)]

    def _read_salt(self) -> bytes:
        query = select(store_settings.c.value).where(store_settings.c.name == "salt")
        with self.reading() as connection:
            return bytes.fromhex(connection.execute(query).scalar_one())


@contextmanager
def _as_sentence() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise failed(getattr(error, "orig", None) or error) from error
