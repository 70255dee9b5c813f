"""The digest of a config: it names the jobs of a sweep, and shows which config a result is of."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from imagetagger.config.schema import Experiment

IGNORED_SETTINGS = ("cache", "cache_limit", "force", "optimized_metric", "track", "track_to")
"""Settings that change nothing in a result: cache, its size, whether to run again, what a sweep optimises, trackers."""

UNRECORDED_SETTINGS = ("cache", "cache_limit", "force", "track", "track_to")
"""Settings that say where things are kept, on one machine or on a server, and change no number."""


def config_digest(settings: Experiment | Any) -> str:
    """SHA-256 of all settings but IGNORED_SETTINGS, or of a config that could not be parsed; in hex."""
    if isinstance(settings, Experiment):
        settings = {key: value for key, value in asdict(settings).items() if key not in IGNORED_SETTINGS}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def recorded_settings(settings: Experiment) -> dict[str, Any]:
    """The settings as JSON, without those of the cache and of trackers; infinity becomes a text."""
    recorded = {key: value for key, value in asdict(settings).items() if key not in UNRECORDED_SETTINGS}
    return json.loads(json.dumps(recorded), parse_constant=str)
