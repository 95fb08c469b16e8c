"""The schema, brought to its newest version by the migrations that ship with the code."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from serving.store.seam import StoreError

FOLDER = Path(__file__).with_name("migrations")


def is_made(engine: Engine) -> bool:
    """Whether any version of the schema is there."""
    return _found(engine) is not None


def migrate(engine: Engine) -> None:
    """Make or upgrade every table; of several processes that start together one does it.

    StoreError when the store is newer than this code.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    if _found(engine) == script.get_current_head():  # the usual case needs no write lock
        return
    with engine.begin() as connection:
        found = _revision(connection)
        known = {revision.revision for revision in script.walk_revisions()}
        if found is not None and found not in known:
            raise StoreError("the store was made by a newer version of Sharepicks; upgrade this one")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _found(engine: Engine) -> str | None:
    with engine.connect() as plain:
        return _revision(plain.execution_options(sharepicks_reads=True))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
