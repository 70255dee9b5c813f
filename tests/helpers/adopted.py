"""Lessons that were taught with another bundle, and a bundle that knows some of their tags: for Python and the app."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from imagetagger.bundle.labels import Label, Term
from imagetagger.tagger.lessons import NO_LESSONS, Lessons, learn
from imagetagger.tagger.tag_names import add_tag, taught_names
from tests.helpers.histories import KEYS, picture

BUNDLE = (Label("n1", "goldfish", ("carp",)), Label("n2", "crane", ("heron",)), Label("n3", "heron", ()))
TERMS = (Term("t1", "dog", ("hound",)), Term("t2", "fish", ("goldfish",)))


class Adoption(NamedTuple):
    """Lessons for a bundle of these words, and the names of the tags that they teach."""

    lessons: Lessons
    labels: tuple[Label, ...]
    terms: tuple[Term, ...]
    names: Mapping[str, str]


def own(*names: str, **edits: Any) -> Lessons:
    """Lessons with tags of these names, made for a bundle that had none."""
    lessons = NO_LESSONS
    for name in names:
        lessons, _ = add_tag(lessons, (), name)
    return lessons._replace(edits=lessons.edits._replace(**edits))


def taught(name: str) -> Lessons:
    """Lessons of one picture, with a tag of this name."""
    return learn(own(name), KEYS[0], picture(KEYS[0], f"user:{name.strip().casefold()}"))


KNOWN = (
    *(("Goldfish", "n1"), (" CARP", "n1"), ("heron", "n3"), ("Dog", "t1"), ("hound", "t1")),
    ("fish", "t2"),
)
"""Names, and the ids of what they mean."""

TWICE = own(names={"a": "goldfish", "b": "Carp"})
"""Two tags of the same name."""

APART: dict[str, tuple[Lessons, tuple[Label, ...]]] = {
    "no such name": (own("zebra"), BUNDLE),
    "two of it": (own("goldfish"), (*BUNDLE, Label("n4", "Goldfish", ()))),
    "removed": (own("goldfish", removed=frozenset({"n1"})), BUNDLE),
    "own removed": (own("goldfish", removed=frozenset({"user:goldfish"})), BUNDLE),
    "merged": (own("goldfish", "zebra", merged={"user:goldfish": "user:zebra"}), BUNDLE),
    "into own": (own("goldfish", merged={"n1": "user:goldfish"}), BUNDLE),
    "into own twice": (own("goldfish", merged={"n1": "n2", "n2": "user:goldfish"}), BUNDLE),
    "renamed": (own(names={"user:goldfish": "goldfish", "n1": "koi"}), (Label("n1", "goldfish", ()),)),
}
"""Lessons whose tags are no tags of these labels, as an edit says so or the name fits no single one."""


def adoptions() -> Iterable[Adoption]:
    """All of these, and some that have names by an edit, or by another bundle."""
    for name, _ in KNOWN:
        yield Adoption(taught(name), BUNDLE, TERMS, taught_names((), taught(name)))
    for lessons, labels in APART.values():
        yield Adoption(lessons, labels, (), {})
        yield Adoption(lessons, labels, TERMS, {})
    yield Adoption(TWICE, BUNDLE, TERMS, {})
    yield Adoption(NO_LESSONS, BUNDLE, TERMS, {"elsewhere": "goldfish", "n1": "gold", "t9": "cat"})
    yield Adoption(own(names={"n1": "koi", "t1": "doggy", "a": "KOI", "b": "doggy"}), BUNDLE, TERMS, {"t1": "dog"})
