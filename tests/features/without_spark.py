"""Whether tests can run on Spark here, and if not, why not.

With CI=true and pyspark installed a missing Java is no reason to skip: then the tests fail.
"""

from __future__ import annotations

import importlib.util
import os

from features.spark_engine import require_spark
from recsys.errors import EngineError


def why_not() -> str | None:
    """The sentence that the command would say; None where Spark can run, or must."""
    if os.environ.get("CI") == "true" and importlib.util.find_spec("pyspark") is not None:
        return None
    try:
        require_spark()
    except EngineError as error:
        return str(error)
    return None


WHY_NOT = why_not()
