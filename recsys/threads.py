"""One place for the number of threads.

BLAS, OpenMP (implicit, LightGBM) and faiss each start a pool as large as the machine and then fight over
its cores. `limit_threads` must run before numpy is first imported: the pools read the environment then.
Threads that wait sleep instead of spinning: a spinning pool starves whatever else runs on two cores
(measured: two trainings side by side took ten times as long as one after the other).
"""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def thread_count() -> int:
    """Threads this process may use: SHAREPICKS_THREADS, else the cores it may run on."""
    asked = os.environ.get("SHAREPICKS_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads() -> int:
    """Hold every pool of this process and its children to `thread_count()`; returns that number."""
    n_threads = thread_count()
    for variable in VARIABLES:
        os.environ.setdefault(variable, str(n_threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return n_threads
