"""What a sweep leaves, as rows for a study: the tables of its report."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from imagetagger.report.comparison.runs import Run, read_runs
from imagetagger.report.comparison.varied_settings import VariedSetting, varied_settings

Table = Callable[[tuple[Run, ...], tuple[VariedSetting, ...]], str]
"""A function of imagetagger.report.comparison.table, which gives a CSV."""


def sweep_rows(folder: Path, table: Table) -> list[dict[str, str]]:
    """Read the runs at or below a folder, and return a table of their report.

    Raises:
        ValueError: there are none.
    """
    runs = read_runs([folder]).runs
    return list(csv.DictReader(io.StringIO(table(runs, varied_settings(runs)))))
