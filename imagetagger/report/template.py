"""Templates of pages: one file each, that asks the network for nothing."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from imagetagger.files import whole
from imagetagger.report import canvas, words

FOLDER = Path(__file__).parent


def render(name: str, **context: Any) -> str:
    """Return a page from the template of this name; what it lacks is an error, and all text is escaped."""
    layout: Any = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, **layout)
    environment.filters |= {name: getattr(words, name) for name in ("count", "number", "percent", "chance", "times")}
    environment.filters["inline"] = lambda plot: Markup(canvas.inline(plot))
    return environment.get_template(name).render(**context)


def write(page: str, path: Path) -> None:
    """Write a page, whole or not at all."""
    with whole(path) as partial:
        # Names that come from files may hold half a character, which UTF-8 cannot.
        partial.write_bytes(page.encode("utf-8", "replace"))
