"""What can go wrong, in one tree:

SharepicksError                what every caller may catch; its text is one sentence for a person
├── UsageError                 the command was asked for something it does not offer (exit code 2)
├── ConfigError                a configuration file has an unknown key or a value outside its rule
├── DataError                  a dataset breaks its contract
├── SnapshotError              a snapshot is missing, damaged, or of another schema version
├── QueryError                 a query asks for something outside its rule
└── EngineError                an engine of tables is missing, or cannot do what was asked

Each sentence names what, the rule, what came, and what to do.
"""

from __future__ import annotations


class SharepicksError(Exception):
    """The root of every error that Sharepicks raises on purpose."""

    exit_code = 1


class UsageError(SharepicksError):
    """The command was asked for something it does not offer."""

    exit_code = 2


class ConfigError(SharepicksError):
    """A configuration has an unknown key or a value outside its rule."""

    exit_code = 2


class DataError(SharepicksError):
    """A dataset breaks its contract."""


class SnapshotError(SharepicksError):
    """A snapshot is missing, damaged, or of another schema version."""


class QueryError(SharepicksError):
    """A query asks for something outside its rule."""

    exit_code = 2


class EngineError(SharepicksError):
    """An engine of tables (Spark) is missing, or cannot do what was asked."""
