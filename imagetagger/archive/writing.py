"""Bringing sidecars up to date with the tags that are to be in them, while other programs may change them too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue
from imagetagger.archive.catalogue.files import KnownFile
from imagetagger.archive.catalogue.written import record_written
from imagetagger.archive.keywords import (
    MachineTag,
    SidecarChange,
    SidecarError,
    SidecarStyle,
    apply_change,
    plan_removal,
    plan_tags,
)

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

    Args:
        catalogue: is changed.
        files: of pictures.
        tags: by content id; files of other pictures lose our tags.
        style: of new sidecars.
        is_dry_run: plan only.
    """
    for file in files:
        own = tags.get(file.content or "", ())
        try:
            change = _plan(file.path, own, style) if is_dry_run else _apply(file.path, own, style)
        except (SidecarError, OSError) as error:
            yield SidecarResult(file, None, str(error))
            continue
        result = SidecarResult(file, change)
        if result.is_changed and not is_dry_run:
            record_written(catalogue, file.path, own)
        yield result


def _plan(picture: Path, tags: Sequence[MachineTag], style: SidecarStyle) -> SidecarChange:
    return plan_tags(picture, tags, style=style) if tags else plan_removal(picture)


def _apply(picture: Path, tags: Sequence[MachineTag], style: SidecarStyle) -> SidecarChange:
    for _ in range(ATTEMPTS - 1):
        change = _plan(picture, tags, style)
        try:
            apply_change(change)
        except SidecarError:  # it was changed meanwhile, or cannot be
            continue
        return change
    change = _plan(picture, tags, style)
    apply_change(change)
    return change
