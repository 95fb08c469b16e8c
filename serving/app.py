"""The FastAPI app: routes over one keeper of snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI

from serving.callers.at_the_app import install_doors, watch_keys
from serving.callers.connect import doors_from
from serving.callers.console_session import CONSOLE
from serving.callers.doors import Doors
from serving.callers.host_check import HostCheck
from serving.clock import utc_now
from serving.console.console import Console
from serving.errors import install_error_handlers
from serving.live.live import Live, keep_live
from serving.logs import write_logs_to_stderr
from serving.metrics import Metrics
from serving.reply_cache import ReplyCache
from serving.request_log import RequestLog
from serving.routes_audience import audience_router
from serving.routes_circle import circle_router
from serving.routes_console import console_router
from serving.routes_console_actions import console_actions_router
from serving.routes_events import events_router
from serving.routes_feedback import feedback_router
from serving.routes_members import members_router
from serving.routes_operation import operation_router
from serving.routes_picks import picks_router
from serving.routes_shares import new_link, shares_router
from serving.routes_shop import problem_page, shop_router
from serving.routes_shop_actions import shop_actions_router
from serving.routes_shop_files import shop_files_router
from serving.routes_snapshots import snapshots_router
from serving.routes_suppliers import suppliers_router
from serving.routes_tokens import tokens_router
from serving.routes_value import value_router
from serving.service import Service
from serving.settings import Settings, settings_from
from serving.shop.shop import SHOP, Shop
from serving.snapshots import Outcome, Served, SnapshotKeeper, keep_fresh, open_served
from serving.store.keeper import StoreKeeper, keep_open

PARENT_LOOK_EVERY_S = 1.0
# The store's thread needs the interpreter for microseconds between two waits for the disk. At Python's own
# 5 ms it waited for the event loop most of its time: single events a second went from 380 to 750.
SWITCH_EVERY_S = 0.0002


def create_app(
    settings: Settings,
    open_snapshot: Callable[[Path], Served] = open_served,
    doors: Doors | None = None,
    clock: Callable[[], datetime] = utc_now,
    make_id: Callable[[], str] = new_link,
) -> FastAPI:
    """The service over the snapshots of a folder.

    It looks for a snapshot before it answers; without a usable one /readyz says what is missing, and the
    pointer is watched on. `app.state.service` holds the keeper.
    The pages /docs and /redoc are off: they load scripts from other hosts.
    """
    metrics = Metrics(multiprocess=settings.n_workers > 1)
    service = Service(
        settings,
        SnapshotKeeper(settings.snapshots, open_snapshot),
        metrics,
        ReplyCache(settings.reply_cache_mb << 20),
        StoreKeeper(settings.store),
        Live(clock, settings.shares_a_day, is_on=settings.store is not None, on_seen=metrics.live_read),
    )
    app = FastAPI(
        title="Sharepicks",
        summary="Good-value picks for shop owners and their circles",
        version=version("sharepicks"),
        openapi_url=None,  # the operation routes serve it, logged and counted as they are
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.include_router(picks_router(service))
    app.include_router(value_router(service))
    app.include_router(circle_router(service))
    app.include_router(audience_router(service))
    app.include_router(suppliers_router(service))
    app.include_router(tokens_router())
    app.include_router(events_router(service, clock))
    app.include_router(members_router(service, clock))
    app.include_router(snapshots_router(service, clock))
    app.include_router(shares_router(service, clock, make_id))
    app.include_router(feedback_router(service, clock, make_id))
    shop = Shop(service, clock, make_id)
    app.include_router(shop_actions_router(shop))
    app.include_router(shop_router(shop))  # last: her own page takes every path under /shop/
    app.include_router(shop_files_router())
    console = Console(shop)
    app.include_router(console_actions_router(console))
    app.include_router(console_router(console))
    app.include_router(operation_router(service, lambda: app.openapi()))
    doors = doors or Doors()
    install_doors(app, doors)
    install_error_handlers(app, {SHOP: partial(problem_page, shop), CONSOLE: console.problem_page})
    app.add_middleware(HostCheck, doors=doors, hosts=settings.open_hosts)
    app.add_middleware(RequestLog, metrics=service.metrics)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service

    def note(outcome: Outcome) -> None:
        service.metrics.snapshot_looked_at(outcome, service.keeper.served)

    # Before the first request: a restarted worker must not answer "not ready" beside workers that are ready.
    # Its callers wait in the listening socket meanwhile.
    note(await asyncio.to_thread(service.keeper.refresh))
    tasks = [asyncio.create_task(keep_fresh(service.keeper, service.settings.poll_every_s, note))]
    tasks += await watch_keys(app)
    await asyncio.to_thread(service.store.refresh)
    tasks.append(asyncio.create_task(keep_open(service.store)))
    if service.live.is_on:
        tasks.append(asyncio.create_task(keep_live(service.live, service.store, service.keeper)))
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        tasks.append(asyncio.create_task(_leave_with_parent(parent.pid)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(service.store.close)


async def _leave_with_parent(parent_id: int) -> None:
    """End this worker when the process that started it is gone, however it went."""
    while os.getppid() == parent_id:
        await asyncio.sleep(PARENT_LOOK_EVERY_S)
    signal.raise_signal(signal.SIGTERM)


def create_worker_app() -> FastAPI:
    """The app of one worker process, its settings taken from the environment its parent prepared."""
    write_logs_to_stderr()
    sys.setswitchinterval(SWITCH_EVERY_S)
    settings = settings_from(os.environ)
    return create_app(settings, doors=doors_from(settings.store, os.environ))
