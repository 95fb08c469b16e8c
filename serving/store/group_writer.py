"""Group commit: batches that wait at the same time become durable together, by one thread.

A commit that reaches the disk costs the same for one row as for a thousand. While one is under way, whatever
comes waits, up to a bound, and the next commit takes all of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from serving.store.seam import Outcome, RowWriter, StoreError, StoreRow, failed

MAX_ROWS_WAITING = 20_000
MAX_ROWS_PER_COMMIT = 5_000
STOP_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    rows: Sequence[StoreRow]
    future: Future[list[Outcome]] = field(default_factory=Future)


class GroupWriter:
    """One thread that owns a RowWriter, made anew after it failed."""

    def __init__(self, open_writer: Callable[[], RowWriter]) -> None:
        self._open_writer = open_writer
        self._writer: RowWriter | None = None
        self._waiting: deque[_Waiting] = deque()
        self._n_rows_waiting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, rows: Sequence[StoreRow]) -> Future[list[Outcome]]:
        """What becomes of the rows, once they are durable. StoreError at once when too many wait.

        A future cancelled before its turn is left out, so that nobody's rows are written for a caller who
        was told that they were not.
        """
        waiting = _Waiting(rows)
        with self._changed:
            if self._closed:
                raise StoreError("the store is closed")
            if self._n_rows_waiting + len(rows) > MAX_ROWS_WAITING:
                raise StoreError("the store is busy: too many rows wait to be written; send them again later")
            self._waiting.append(waiting)
            self._n_rows_waiting += len(rows)
            self._changed.notify()
        return waiting.future

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        while group := self._next_group():
            taken = [waiting for waiting in group if waiting.future.set_running_or_notify_cancel()]
            if not taken:
                continue
            try:
                outcomes = self._write([row for waiting in taken for row in waiting.rows])
            except Exception as error:  # the thread must outlive whatever a driver raises
                self._let_go()
                told = error if isinstance(error, StoreError) else failed(error)
                for waiting in taken:
                    waiting.future.set_exception(told)
                continue
            start = 0
            for waiting in taken:
                waiting.future.set_result(outcomes[start : start + len(waiting.rows)])
                start += len(waiting.rows)
        self._let_go()

    def _next_group(self) -> list[_Waiting]:
        """What one commit takes; empty when there is nothing more to come."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            group: list[_Waiting] = []
            n_rows = 0
            while self._waiting and (not group or n_rows + len(self._waiting[0].rows) <= MAX_ROWS_PER_COMMIT):
                group.append(self._waiting.popleft())
                n_rows += len(group[-1].rows)
            self._n_rows_waiting -= n_rows
            return group

    def _write(self, rows: list[StoreRow]) -> list[Outcome]:
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer.write(rows)

    def _let_go(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                writer.close()
            except Exception:  # a broken connection may fail to close; a new one is made all the same
                return
