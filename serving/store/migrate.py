"""The schema, brought to its newest version by the migrations that ship with the code."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from serving.store.seam import StoreError

FOLDER = Path(__file__).with_name("migrations")
LOCK_NUMBER = 7_203_177  # of PostgreSQL's advisory lock; any number that nobody else takes


def migrate(engine: Engine) -> None:
    """Make or upgrade every table; of several processes that start together one does it.

    StoreError when the store is newer than this code.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    with engine.connect() as plain:  # the usual case needs no write lock
        connection = plain.execution_options(sharepicks_reads=True)
        if MigrationContext.configure(connection).get_current_revision() == script.get_current_head():
            return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"))
        found = MigrationContext.configure(connection).get_current_revision()
        known = {revision.revision for revision in script.walk_revisions()}
        if found is not None and found not in known:
            raise StoreError("the store was made by a newer version of Sharepicks; upgrade this one")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
