"""The command `cache`."""

import argparse
from collections import Counter

from imagetagger.cli.terminal import CommandError, print_json, print_line, print_problem
from imagetagger.system.atomic_files import cache_directory
from imagetagger.system.cache_folder import (
    CACHE_FILES,
    COMPUTED_KINDS,
    LIMIT_VARIABLE,
    CachedFile,
    cache_limit,
    delete_cached,
    list_cache,
)


def run_cache_info(options: argparse.Namespace) -> int:
    """Print what the cache directory holds."""
    folder = cache_directory(options.cache)
    files = list_cache(folder)
    try:
        limit = cache_limit()
    except ValueError as error:
        raise CommandError(str(error)) from error
    kinds = _totals(files)
    if options.json:
        print_json({"path": str(folder), "limit_bytes": limit, "kinds": kinds})
        return 0
    print_line(str(folder))
    for kind, total in kinds.items():
        print_line(f"{kind:11} {human_size(total['bytes']):>9}  {_count(total['files'])}")
    held = human_size(sum(kinds[kind]["bytes"] for kind in COMPUTED_KINDS))
    print_line(
        f"{held} of embeddings, activations, models and ids; runs keep the most recent {human_size(limit)} "
        f"({LIMIT_VARIABLE}, in GB)"
    )
    return 0


def run_cache_clear(options: argparse.Namespace) -> int:
    """Delete files of the cache directory."""
    folder = cache_directory(options.cache)
    kinds = options.kinds or COMPUTED_KINDS
    files = [file for file in list_cache(folder) if file.kind in kinds]
    deleted = delete_cached(files)
    failed = [str(file.path) for file in files if file.path.exists()]
    freed = sum(file.size for file in deleted)
    if options.json:
        print_json({"path": str(folder), "kinds": _totals(deleted), "failed": failed})
    else:
        print_line(f"{folder}: deleted {_count(len(deleted))}, {human_size(freed)}")
    for path in failed:
        print_problem(f"{path} cannot be deleted")
    return bool(failed)


def human_size(size: float) -> str:
    """A number of bytes for people.

    >>> [human_size(size) for size in (999, 1_700_000, 999_960, 20e9)]
    ['999 B', '1.7 MB', '1.0 MB', '20.0 GB']
    """
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def _totals(files: list[CachedFile]) -> dict[str, dict[str, int]]:
    count = Counter(file.kind for file in files)
    return {
        kind: {"files": count[kind], "bytes": sum(file.size for file in files if file.kind == kind)}
        for kind in CACHE_FILES
    }


def _count(files: int) -> str:
    return f"{files:,} file{'s' * (files != 1)}"
