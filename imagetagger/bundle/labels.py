"""The words of a bundle: its tags, and the broader terms that they belong to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from imagetagger.bundle.names import MAX_TEXT_LENGTH, text_problem
from imagetagger.bundle.strict_json import BundleError, decode_json

LabelText = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH)]
Synonyms = Annotated[tuple[LabelText, ...], Meta(max_length=1000)]
BroaderIds = Annotated[tuple[LabelText, ...], Meta(max_length=100)]

MAX_LABELS = 50_000
"""Tags of a bundle: more than twice those of ImageNet-21k."""

MAX_TERMS = 10_000
"""Broader terms of a bundle: WordNet has 860 above the 1,000 tags of ImageNet."""

MAX_TERM_PAIRS = 50_000_000
"""Pairs of a term and a tag or term, of which a table says whether one is below the other: a byte each."""


class Label(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tag: its stable id, the name people see, other names that people may look for, ids of broader terms."""

    id: LabelText
    name: LabelText
    synonyms: Synonyms
    broader: BroaderIds = ()


class Term(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A broader term, such as "dog": no tag, but what several tags have in common.

    Attributes:
        id: stable; no tag of the bundle has it.
        name: what people see.
        synonyms: other names that people may look for.
        broader: ids of terms that it belongs to.
        everyday: whether a picture may be described by it; others are only searched.
    """

    id: LabelText
    name: LabelText
    synonyms: Synonyms
    broader: BroaderIds = ()
    everyday: bool = False


def read_labels(data: bytes) -> tuple[Label, ...]:
    """Decode labels.json: 1 to MAX_LABELS tags, all ids different.

    Raises:
        BundleError: names the entry and what is wrong with it.
    """
    labels: tuple[Label, ...] = decode_json(data, Annotated[tuple[Label, ...], Meta(min_length=1)], "labels.json")
    if len(labels) > MAX_LABELS:
        raise BundleError(f"labels.json has {len(labels):,} tags, expected at most {MAX_LABELS:,}")
    _check_texts(labels, "labels.json")
    if len({label.id for label in labels}) < len(labels):
        raise BundleError("labels.json: two tags have the same id")
    return labels


def read_terms(data: bytes | None, labels: Sequence[Label]) -> tuple[Term, ...]:
    """Decode terms.json, None without one: the terms that tags and terms name as broader, without circles.

    Raises:
        BundleError: names the entry and what is wrong with it.
    """
    terms: tuple[Term, ...] = ()
    if data is not None:
        terms = decode_json(data, tuple[Term, ...], "terms.json")
    if len(terms) > MAX_TERMS:
        raise BundleError(f"terms.json has {len(terms):,} terms, expected at most {MAX_TERMS:,}")
    _check_texts(terms, "terms.json")
    known = {term.id: term for term in terms}
    tags = {label.id for label in labels}
    if len(known) < len(terms) or not known.keys().isdisjoint(tags):
        raise BundleError("terms.json: two terms, or a term and a tag, have the same id")
    entries: list[Label | Term] = [*labels, *terms]
    if (pairs := len(terms) * len(entries)) > MAX_TERM_PAIRS:
        raise BundleError(
            f"terms.json: got {len(terms):,} terms for {len(tags):,} tags, {pairs:,} pairs, "
            f"expected at most {MAX_TERM_PAIRS:,}"
        )
    for entry in entries:
        if strange := [key for key in entry.broader if key not in known]:
            raise BundleError(f"{entry.id[:100]!r} has the broader term {strange[0][:100]!r}, which terms.json lacks")
    if (circle := find_circle({term.id: term.broader for term in terms})) is not None:
        raise BundleError(f"terms.json: {circle[:100]!r} is a broader term of itself")
    return terms


def find_circle(broader: Mapping[str, Iterable[str]]) -> str | None:
    """Return a key that is reached from itself, or leads to one that is; None without any."""
    remaining = {key: set(above) for key, above in broader.items()}
    below: dict[str, list[str]] = {key: [] for key in broader}
    for key, above in remaining.items():
        for other in above:
            below[other].append(key)
    free = [key for key, above in remaining.items() if not above]
    while free:
        done = free.pop()
        del remaining[done]
        for key in below[done]:
            remaining[key].discard(done)
            if not remaining[key]:
                free.append(key)
    return next(iter(remaining), None)


def _check_texts(entries: Iterable[Label | Term], file: str) -> None:
    for i, entry in enumerate(entries):
        synonyms = ((f"synonyms[{j}]", text) for j, text in enumerate(entry.synonyms))
        for field, text in (("id", entry.id), ("name", entry.name), *synonyms):
            if problem := text_problem(text):
                raise BundleError(f"{file}: [{i}].{field}: {problem}")
