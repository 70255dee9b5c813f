"""The identity of a config: what a job of a sweep is named by, and how a result is known to be its own."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from imagetagger.config.schema import Experiment

IGNORED_SETTINGS = ("cache", "force", "optimized_metric")
"""Settings that change nothing in a result: where the cache lies, whether to run again, what a sweeper looks at."""


def config_digest(settings: Experiment | Any) -> str:
    """Return a digest of all settings but IGNORED ones, or of a config that is none, as JSON."""
    if isinstance(settings, Experiment):
        settings = {key: value for key, value in asdict(settings).items() if key not in IGNORED_SETTINGS}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()
