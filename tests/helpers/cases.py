"""The smallest inputs that once failed: `tests/cases/`, a folder each with a README that says what is right."""

import shutil
from pathlib import Path

CASES = Path(__file__).parents[1] / "cases"


def copy_case(name: str, folder: Path) -> Path:
    """Copy the inputs of a case, links as links, into a folder; return the copy."""
    return Path(shutil.copytree(CASES / name, folder / name, symlinks=True))
