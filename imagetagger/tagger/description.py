"""What a tagger says of a picture: its tags, and the same in few words, by the broader terms of the tags."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from imagetagger.bundle.labels import Label, Term
from imagetagger.prediction.predict import Prediction
from imagetagger.prediction.prediction_sets import ranked_tags
from imagetagger.system.printable import first_names
from imagetagger.tagger.lessons import LessonError, VocabularyEdits
from imagetagger.tagger.tag_statistics import TagRows
from imagetagger.terms.describe import describe_set, most_specific_visible
from imagetagger.terms.graph import TermGraph, term_graph


class Tag(NamedTuple):
    """A tag or a broader term of a picture, and how probable it is."""

    id: str
    name: str
    probability: float


class Description(NamedTuple):
    """The tags of a picture, and whether it shows something new.

    Attributes:
        tags: the most probable first. A hidden one is replaced by the most specific broader term that is not.
        novelty_score: log likelihood of the background minus that of the best tag, in nats: higher is more novel. None
            for a bundle without a background, or without any tag that has pictures.
        is_novel: whether no tag fits, so that the picture may show something unknown.
        terms: the picture in at most three words: tags, or the broader terms that several of them have in common. They
            are `tags` for a bundle without terms.
    """

    tags: list[Tag]
    novelty_score: float | None
    is_novel: bool
    terms: list[Tag]


class KnownTag(NamedTuple):
    """A tag of the vocabulary.

    Attributes:
        id: stable.
        name: what people see.
        synonyms: other names.
        pictures: number that taught it, the bundle's and the user's; for a tag of the network's own classifier, how
            many pictures the bundle counts its word as.
        taught: number of the user's.
        is_hidden: whether it is not shown, by itself or with a term above it.
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    pictures: int
    taught: int
    is_hidden: bool = False


class Words(NamedTuple):
    """The tags in use and the broader terms of a bundle, with a user's edits.

    Attributes:
        tags: ids of the C tags.
        terms: ids of the T terms.
        names: of all of them by id.
        graph: of tags and terms.
        is_usable: bool (T,), whether a picture may be described by a term: an everyday one that is not hidden.
        is_hidden: bool (C,), whether a tag is not shown.
    """

    tags: tuple[str, ...]
    terms: tuple[str, ...]
    names: Mapping[str, str]
    graph: TermGraph
    is_usable: np.ndarray
    is_hidden: np.ndarray


NO_WORDS = Words((), (), {}, term_graph({}, {}), np.zeros(0, bool), np.zeros(0, bool))


def find_words(
    vocabulary: Mapping[str, Label], terms: Iterable[Term], edits: VocabularyEdits, before: Words = NO_WORDS
) -> Words:
    """Find the words of a vocabulary; the graph of `before` is reused if it has the same tags."""
    listed = {term.id: term for term in terms}
    tags = {key: label.broader for key, label in vocabulary.items()}
    if before.tags == tuple(tags) and before.terms == tuple(listed):
        graph = before.graph
    else:
        graph = term_graph(tags, {key: term.broader for key, term in listed.items()})
    hidden_terms = np.array([key in edits.hidden for key in listed], bool)
    is_hidden = np.array([key in edits.hidden for key in tags], bool)
    is_hidden |= graph.below[hidden_terms].any(0)
    is_usable = np.array([term.everyday for term in listed.values()], bool) & ~hidden_terms
    for row in np.flatnonzero(hidden_terms):
        is_usable &= ~graph.inside[row]
    names = {key: edits.names.get(key, term.name) for key, term in listed.items()}
    names |= {key: label.name for key, label in vocabulary.items()}
    return Words(tuple(tags), tuple(listed), names, graph, is_usable, is_hidden)


def ids_to_hide(words: Words, key: str, below: bool) -> frozenset[str]:
    """Ids that hide a tag or term, or only what is below a term.

    Raises:
        LessonError: nothing is below it.
    """
    hidden = words_below(words, key) if below else frozenset({key})
    if not hidden:
        raise LessonError(f"nothing is below {words.names[key]!r}: expected a broader term, such as 'dog'")
    return hidden


def ids_to_show(words: Words, key: str, hidden: Collection[str]) -> frozenset[str]:
    """Hidden ids that show a tag again, or a term and all that is below it.

    Raises:
        LessonError: it is not hidden itself, or a term above it is.
    """
    shown = (words_below(words, key) | {key}).intersection(hidden)
    name, names = words.names[key], words.names
    if above := [names[term] for term in _terms_above(words, key) if term in hidden]:
        raise LessonError(f"{name!r} is hidden with {above[0]!r}, which is above it: show that")
    if not shown:
        listed = first_names(sorted(names.get(other, other) for other in hidden)) or "nothing"
        raise LessonError(f"got {name!r}, which is not hidden; hidden are: {listed}")
    return shown


def _terms_above(words: Words, key: str) -> list[str]:
    if key in words.terms:
        is_above = words.graph.inside[:, words.terms.index(key)].copy()
        is_above[words.terms.index(key)] = False
    else:
        is_above = words.graph.below[:, words.tags.index(key)]
    return [words.terms[row] for row in np.flatnonzero(is_above)]


def words_below(words: Words, key: str) -> frozenset[str]:
    """Ids of the tags and terms below a term, without itself; none below a tag."""
    if key not in words.terms:
        return frozenset()
    row = words.terms.index(key)
    terms = {words.terms[other] for other in np.flatnonzero(words.graph.inside[row])}
    return frozenset(terms | {words.tags[column] for column in np.flatnonzero(words.graph.below[row])}) - {key}


def list_vocabulary(vocabulary: Mapping[str, Label], rows: TagRows, words: Words) -> list[KnownTag]:
    """Tags in use, those of the bundle first."""
    return [
        KnownTag(
            label.id, label.name, label.synonyms, round(float(row.total.count[0])), len(row.pictures), bool(hidden)
        )
        for label, row, hidden in zip(vocabulary.values(), rows.by_tag.values(), words.is_hidden, strict=True)
    ]


def list_tags(words: Words, probability: np.ndarray, shown: np.ndarray) -> list[Tag]:
    """Tags (C,) that are shown, the most probable first; hidden ones give way to a broader term, or to nothing."""
    rows = {key: row for row, key in enumerate(words.terms)}
    tags: dict[str, Tag] = {}
    for column in ranked_tags(probability):
        if not shown[column]:
            continue
        key = words.tags[column]
        if words.is_hidden[column]:
            row = most_specific_visible(words.graph, column, words.is_usable)
            if row is None:
                continue
            key = words.terms[row]
        if key not in tags:
            tags[key] = _tag(words, rows.get(key), column, probability)
    return sorted(tags.values(), key=lambda tag: -tag.probability)


def _tag(words: Words, row: int | None, column: int, probability: np.ndarray) -> Tag:
    """The tag of a column, or the term of a row: as probable as all below it, though it was taught and so is a tag."""
    if row is None:
        key = words.tags[column]
        return Tag(key, words.names[key], float(probability[column]))
    key = words.terms[row]
    return Tag(key, words.names[key], min(float(probability[words.graph.below[row]].sum()), 1.0))


def describe_picture(
    words: Words, prediction: Prediction, wider_set: np.ndarray, has_pictures: np.ndarray, top_k: int | None = None
) -> Description:
    """Describe a picture by its tags and, in few words, by broader terms.

    Args:
        words: in use.
        prediction: of one picture, N = 1.
        wider_set: bool (C,), the prediction set that the terms contain.
        has_pictures: bool (C,), tags that have pictures.
        top_k: number of tags; None for the prediction set.
    """
    probability = prediction.probability[0]
    tags = list_tags(words, probability, has_pictures if top_k is not None else prediction.in_set[0])[:top_k]
    terms = tags
    if words.terms:
        found = describe_set(words.graph, probability, wider_set, words.is_usable, words.is_hidden)
        rows = {key: row for row, key in enumerate(words.terms)}
        own_rows = [word.row if word.is_term else rows.get(words.tags[word.row]) for word in found]
        described = (_tag(words, row, word.row, probability) for row, word in zip(own_rows, found, strict=True))
        terms = sorted(dict.fromkeys(described), key=lambda tag: -tag.probability)
    novelty = prediction.novelty_score
    score = float(novelty[0]) if novelty is not None and has_pictures.any() else None
    return Description(tags, score, bool(prediction.is_novel[0]), terms)
