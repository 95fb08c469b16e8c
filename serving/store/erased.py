"""Who was erased, as one writer knows it: read again in a transaction only when somebody was added."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from serving.store.rows import id_hash, named_ids
from serving.store.seam import StoreRow

# Given the last seq that is known, the (seq, id_hash) that came after it.
ReadErased = Callable[[int], Iterable[tuple[int, str]]]


class ErasedIds:
    """Salted hashes of erased ids, one set that only grows."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._last_seq = 0
        self._hashes: set[str] = set()

    def refresh(self, read_after: ReadErased) -> None:
        """Take in who was erased since; call it inside the transaction that writes."""
        for seq, id_hash_ in read_after(self._last_seq):
            self._hashes.add(id_hash_)
            self._last_seq = max(self._last_seq, seq)

    def names_one(self, row: StoreRow) -> bool:
        """Whether a row names somebody who was erased, or an order that went with her."""
        if not self._hashes:
            return False
        return any(id_hash(self._salt, kind, value) in self._hashes for kind, value in named_ids(row))
