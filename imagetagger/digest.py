"""The identity of a config: what a job of a sweep is named by, and how a result is known to be its own."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from imagetagger.config import Experiment


def that_matters(settings: Experiment) -> dict[str, Any]:
    """Return all settings but those that change no figure: where the cache lies, whether to run again."""
    return {key: value for key, value in asdict(settings).items() if key not in ("cache", "rerun")}


def config_digest(settings: Experiment | Any) -> str:
    """Return a digest of all settings that matter, or of a config that is none, as JSON."""
    shown = that_matters(settings) if isinstance(settings, Experiment) else settings
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()
