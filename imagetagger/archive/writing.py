"""Bringing sidecars up to date with the tags that are to be in them, while other programs may change them too."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue
from imagetagger.archive.catalogue.files import KnownFile
from imagetagger.archive.catalogue.written import record_written, written_tags
from imagetagger.archive.keywords import (
    Keyword,
    MachineTag,
    SidecarChange,
    SidecarError,
    SidecarStyle,
    apply_change,
    plan_removal,
    plan_tags,
    read_keywords,
)
from imagetagger.archive.keywords.fields import keyword_key

ATTEMPTS = 3
"""Times that a change is planned, if another program changes the sidecar meanwhile."""


class SidecarResult(NamedTuple):
    """What became of a file's sidecar: its change, or why there is none."""

    file: KnownFile
    change: SidecarChange | None
    problem: str | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the sidecar is, or in a dry run would be, another than before."""
        return self.change is not None and self.change.before != self.change.after


def write_tags(
    catalogue: Catalogue,
    files: Iterable[KnownFile],
    tags: Mapping[str, Sequence[MachineTag]],
    style: SidecarStyle = "digikam",
    *,
    is_dry_run: bool = False,
) -> Iterator[SidecarResult]:
    """Make our tags beside files exactly these, and remember it; yield what became of each file.

    A process that was killed may have written a sidecar and not remembered it: that is made up for.

    Args:
        catalogue: is changed.
        files: of pictures.
        tags: by content id.
        style: of new sidecars.
        is_dry_run: plan only.
    """
    for file in files:
        own = tags.get(file.content or "", ())
        result = change_sidecar(file, partial(plan_tags, tags=own, style=style), is_dry_run)
        if result.is_changed and not is_dry_run:
            record_written(catalogue, file.path, own)
        elif result.change and not is_dry_run and not _is_recorded(catalogue, file, [tag.keyword for tag in own]):
            record_written(catalogue, file.path, _machine_tags(file))
        yield result


def remove_tags(
    catalogue: Catalogue, files: Iterable[KnownFile], *, is_dry_run: bool = False
) -> Iterator[SidecarResult]:
    """Take our tags away from the sidecars of files, of which one may have two; yield what became of each."""
    for file in files:
        result = change_sidecar(file, plan_removal, is_dry_run)
        yield result
        if result.change and not is_dry_run and not result.is_changed and not _is_recorded(catalogue, file, ()):
            record_written(catalogue, file.path, ())
        while result.is_changed and not is_dry_run:
            record_written(catalogue, file.path, ())
            result = change_sidecar(file, plan_removal, is_dry_run)
            if result.is_changed or result.problem:
                yield result


def _is_recorded(catalogue: Catalogue, file: KnownFile, keywords: Iterable[Keyword]) -> bool:
    """Whether exactly these tags are remembered as written beside a file, but for those that people withdrew."""
    known = {keyword_key(tag.keyword): tag.withdrawn is not None for tag in written_tags(catalogue, file.path)}
    withdrawn = {key for key, is_withdrawn in known.items() if is_withdrawn}
    return known.keys() - withdrawn == {keyword_key(keyword) for keyword in keywords} - withdrawn


def _machine_tags(file: KnownFile) -> tuple[MachineTag, ...]:
    """Return our tags that are beside a file by now; none if another program has broken the sidecar meanwhile."""
    try:
        return read_keywords(file.path).machine
    except (SidecarError, OSError):
        return ()


def change_sidecar(file: KnownFile, plan: Callable[[Path], SidecarChange], is_dry_run: bool = False) -> SidecarResult:
    """Plan a change and carry it out, again if another program changes the sidecar meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            change = plan(file.path)
            if not is_dry_run:
                apply_change(change)
            return SidecarResult(file, change)
        except SidecarError as error:
            problem = str(error)
        except OSError as error:
            return SidecarResult(file, None, str(error))
    return SidecarResult(file, None, problem)
