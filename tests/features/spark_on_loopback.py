"""A Spark master with workers on this machine's loopback, started and ended with a block."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
LOOPBACK = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")


@contextmanager
def standalone_cluster(
    folder: Path, *, n_workers: int = 2, memory_mb: int = 1000, bound_s: float = 900
) -> Iterator[str]:
    """The master's URL. Each worker has one core and `memory_mb`; all are ended by their pids.

    Whatever happens none of them lives longer than `bound_s`. Their files stand in `folder`.
    """
    import pyspark

    home = Path(pyspark.__file__).parent
    settings = folder / "spark-conf"
    settings.mkdir(parents=True)
    (settings / "spark-defaults.conf").write_text(
        f"spark.driver.host 127.0.0.1\nspark.executor.memory {memory_mb}m\n", "utf-8"
    )
    told = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(settings)}
    with patch.dict(os.environ, told), ExitStack() as running:
        start = [str(home / "bin" / "spark-class")]
        line = running.enter_context(
            _process([*start, MASTER, *LOOPBACK], "Starting Spark master at", bound_s)
        )
        master = line.rsplit(" ", 1)[1]
        for number in range(n_workers):
            room = (
                "--cores",
                "1",
                "--memory",
                f"{memory_mb}m",
                "--work-dir",
                str(folder / f"worker_{number}"),
            )
            command = [*start, WORKER, *LOOPBACK, *room, master]
            running.enter_context(_process(command, "Successfully registered with master", bound_s))
        yield master


@contextmanager
def _process(command: list[str], awaited: str, bound_s: float) -> Iterator[str]:
    """Runs a command in a process group of its own; the line of its log that holds `awaited`."""
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    bound = threading.Timer(bound_s, _end, (running,))
    bound.start()
    assert running.stderr is not None
    try:
        seen = []
        for line in running.stderr:
            seen.append(line)
            if awaited in line:
                break
        else:
            raise RuntimeError(f"{command[1]} ended before it said {awaited!r}: {''.join(seen[-20:])}")
        drain = threading.Thread(target=running.stderr.read, daemon=True)  # a full pipe would stop it
        drain.start()
        yield line.strip()
    finally:
        bound.cancel()
        _end(running)
        if seen and awaited in seen[-1]:
            drain.join()
        running.stderr.close()


def _end(running: subprocess.Popen[str]) -> None:
    """Ends the process, and whatever it started that outlives it by 20 seconds."""
    running.terminate()
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
