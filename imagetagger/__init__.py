"""Image tagging in JAX: experiments that end in a tagger which learns its user's own tags."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagetagger.tagger.tagger import Tagger

__all__ = ["Tagger"]


def __getattr__(name: str) -> object:
    """Import `Tagger` at its first use: a run needs none of its modules, nor it those of a run."""
    if name != "Tagger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from imagetagger.tagger.tagger import Tagger

    return Tagger
