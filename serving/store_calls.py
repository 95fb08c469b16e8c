"""What routes ask of the store: within a time, off the event loop, and a 503 where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from serving.errors import RETRY_AFTER, ServiceError
from serving.service import Service
from serving.store.seam import Outcome, StoreError, StoreRow
from serving.store.store import Store

Found = TypeVar("Found")


async def keep(service: Service, rows: Sequence[StoreRow]) -> list[Outcome]:
    """What became of each row, all that is stored durable; ServiceError store_unavailable else."""
    within_s = service.settings.store_within_s
    with told_as_503(f"the store did not answer within {within_s:g} seconds; send it again"):
        future = service.store.store.submit(rows) if rows else None
        return [] if future is None else await asyncio.wait_for(asyncio.wrap_future(future), within_s)


async def from_store(service: Service, read: Callable[[Store], Found]) -> Found:
    """What a reading of the store finds, on a thread; ServiceError store_unavailable when it cannot."""
    with told_as_503("the store did not answer in time"):
        return await asyncio.wait_for(
            asyncio.to_thread(read, service.store.store), service.settings.store_within_s
        )


@contextmanager
def told_as_503(late: str = "the store did not answer in time") -> Iterator[None]:
    """What the store cannot do now is ServiceError store_unavailable; `late`: the sentence of a timeout."""
    try:
        yield
    except StoreError as error:
        raise ServiceError("store_unavailable", str(error), RETRY_AFTER) from None
    except TimeoutError:
        raise ServiceError("store_unavailable", late, RETRY_AFTER) from None
