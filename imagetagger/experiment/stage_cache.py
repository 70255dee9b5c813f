"""The one object that runs stages: it times them, logs them, and runs no stage again that has its result already.

A stage is a function of settings and of the results of other stages. Its key is a digest of its name, those settings
and the keys of those results, so a setting changes the keys of exactly the stages that depend on it.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from inspect import signature
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from imagetagger.config.schema import Experiment
from imagetagger.experiment.record import StageRecord

log = logging.getLogger(__name__)

T = TypeVar("T")

StageCache = dict[str, "StageResult[Any]"]
"""By stage, its last result: that bounds what is held, and a sweep varies its last setting fastest."""

SECTIONS = {one.type: one.name for one in fields(Experiment) if is_dataclass(one.type)}


class StageResult(NamedTuple, Generic[T]):
    """The result of a stage, and the key of what it was made from."""

    key: str
    value: T


class StageRunner:
    """Runs the stages of one run.

    Attributes:
        records: seconds, rate and whether the result was cached, by stage.
    """

    def __init__(self, cache: StageCache | None = None) -> None:
        """Start a run; `cache` holds what other runs of this process have left, None holds nothing."""
        self.records: dict[str, StageRecord] = {}
        self._cache = cache

    def run(
        self,
        name: str,
        function: Callable[..., T],
        /,
        *inputs: StageResult[Any],
        section: Any = None,
        is_kept: bool = True,
        **settings: Any,
    ) -> StageResult[T]:
        """Run a stage, or take its result from the cache.

        Args:
            name: of the stage, unique in a run.
            function: takes the values of the inputs and the settings, and depends on nothing else.
            inputs: results of other stages.
            section: of the config, such as `settings.data`: those of its settings that the function has parameters for
                are passed.
            is_kept: whether other runs of the process may have the result; not if it is large and cheap to read again.
            settings: further arguments of the function.

        Raises:
            ValueError, OSError: of the function; settings in their messages get the names that users know them by.
        """
        if section is not None:
            settings = {key: getattr(section, key) for key in _settings_of(function, section)} | settings
        key = _digest(name, settings, [one.key for one in inputs])
        start = time.perf_counter()
        is_cached = self._cache is not None and name in self._cache and self._cache[name].key == key
        if self._cache is not None and is_cached:
            result = self._cache[name]
        else:
            if self._cache is not None:
                self._cache.pop(name, None)  # not two of them at once: embeddings are large
            try:
                result = StageResult(key, function(*(one.value for one in inputs), **settings))
            except (ValueError, OSError) as error:
                if section is not None and error.args and isinstance(error.args[0], str):
                    error.args = (with_setting_names(error.args[0], section), *error.args[1:])
                raise
            if self._cache is not None and is_kept:
                self._cache[name] = result
        self.records[name] = StageRecord(time.perf_counter() - start, cached=is_cached)
        log.debug("%s: %s", name, "cached" if is_cached else f"{self.records[name].seconds:.2f} s")
        return result

    def time(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        """Time a last step whose result nothing else takes, and so is never cached."""
        start = time.perf_counter()
        result = function(*arguments)
        self.records[name] = StageRecord(time.perf_counter() - start, cached=False)
        return result

    def annotate(self, name: str, *, images: int | None = None, **values: Any) -> None:
        """Add to the record of a stage: the pictures that it took, or other fields of StageRecord."""
        record = self.records[name]
        if images and not record.cached:
            values["images_per_second"] = images / record.seconds
        self.records[name] = msgspec.structs.replace(record, **values)


def _settings_of(function: Callable[..., Any], section: Any) -> list[str]:
    parameters = signature(function).parameters
    return [one.name for one in fields(section) if one.name in parameters]


def _digest(name: str, settings: dict[str, Any], keys: list[str]) -> str:
    plain = {key: asdict(value) if is_dataclass(value) else value for key, value in settings.items()}  # type: ignore[arg-type]
    return hashlib.sha256(repr((name, sorted(plain.items()), keys)).encode()).hexdigest()


def with_setting_names(message: str, section: Any) -> str:
    """The message with dotted keys in place of the names of a section's settings, as in `data.fraction=2`."""
    names = "|".join(one.name for one in fields(section))
    return re.sub(rf"(?<![\w./\\-])({names})(?==)", rf"{SECTIONS[type(section)]}.\1", message)
