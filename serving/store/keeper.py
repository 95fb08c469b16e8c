"""The store of one app: opened beside the requests, and again and again while it cannot be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from recsys.errors import SharepicksError
from serving.store.opening import open_store
from serving.store.seam import StoreError
from serving.store.store import Store

LOOK_EVERY_S = 1.0


class StoreKeeper:
    """Holds the store once it could be opened. Picks never wait for it."""

    def __init__(self, url: str | None, open_: Callable[[str], Store] = open_store) -> None:
        self.url = url
        self._open = open_
        self._store: Store | None = None
        self._lock = threading.Lock()

    @property
    def store(self) -> Store:
        """The open store; StoreError when there is none, or none yet."""
        if self._store is None:
            raise StoreError(
                "this service has no store; start it with --store"
                if self.url is None
                else "the store cannot be opened now; it is tried again every second"
            )
        return self._store

    @property
    def is_missing(self) -> bool:
        """Whether a store is configured and not open."""
        return self.url is not None and self._store is None

    def refresh(self) -> None:
        """Open the store where it is missing; what keeps it from opening may be over the next time."""
        with self._lock:
            if self.url is not None and self._store is None:
                try:
                    self._store = self._open(self.url)
                except SharepicksError:
                    return

    def close(self) -> None:
        """Write what waits and let go; it stays closed."""
        with self._lock:
            store, self._store, self.url = self._store, None, None
        if store is not None:
            store.close()


async def keep_open(keeper: StoreKeeper) -> None:
    """Try until the store is open; a store that fails later mends itself."""
    while True:
        if keeper.is_missing:
            await asyncio.to_thread(keeper.refresh)
        if not keeper.is_missing:
            return
        await asyncio.sleep(LOOK_EVERY_S)
