"""Templates of pages: one file each, which loads nothing from the network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from imagetagger.report import formatting
from imagetagger.report.canvas import inline
from imagetagger.system.atomic_files import atomic_write

TEMPLATE_FOLDER = Path(__file__).parent
FILTERS = ("count", "number", "percent", "probability", "p_value")


def render_page(name: str, **context: Any) -> str:
    """Fill in the template of this name; a missing value is an error, and all text is escaped."""
    layout: Any = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(TEMPLATE_FOLDER), autoescape=True, **layout)
    environment.filters |= {name: getattr(formatting, name) for name in FILTERS}
    environment.filters["inline"] = lambda plot: Markup(inline(plot))
    return environment.get_template(name).render(**context)


def write_page(page: str, path: Path) -> None:
    """Write a page atomically."""
    with atomic_write(path) as partial:
        # Names that come from files may hold half a character, which UTF-8 cannot.
        partial.write_bytes(page.encode("utf-8", "replace"))
