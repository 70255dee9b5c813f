"""What a tagger says of a picture: its tags, and the same in few words, by the broader terms of the tags."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from imagetagger.bundle.labels import Label, Term
from imagetagger.prediction.predict import Prediction
from imagetagger.prediction.prediction_sets import ranked_tags
from imagetagger.tagger.lessons import VocabularyEdits
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
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    pictures: int
    taught: int


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


def words_below(words: Words, key: str) -> frozenset[str]:
    """Ids of the tags and terms below a term, without itself; none below a tag."""
    if key not in words.terms:
        return frozenset()
    row = words.terms.index(key)
    terms = {words.terms[other] for other in np.flatnonzero(words.graph.inside[row])}
    return frozenset(terms | {words.tags[column] for column in np.flatnonzero(words.graph.below[row])}) - {key}


def list_tags(words: Words, probability: np.ndarray, shown: np.ndarray) -> list[Tag]:
    """Tags (C,) that are shown, the most probable first; hidden ones give way to a broader term, or to nothing."""
    tags: dict[str, Tag] = {}
    for column in ranked_tags(probability):
        if not shown[column]:
            continue
        key, p = words.tags[column], float(probability[column])
        if words.is_hidden[column]:
            row = most_specific_visible(words.graph, column, words.is_usable)
            if row is None:
                continue
            key, p = words.terms[row], min(float(probability[words.graph.below[row]].sum()), 1.0)
        tags.setdefault(key, Tag(key, words.names[key], p))
    return sorted(tags.values(), key=lambda tag: -tag.probability)


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
        keys = [(words.terms if word.is_term else words.tags)[word.row] for word in found]
        terms = [Tag(key, words.names[key], word.probability) for key, word in zip(keys, found, strict=True)]
    novelty = prediction.novelty_score
    score = float(novelty[0]) if novelty is not None and has_pictures.any() else None
    return Description(tags, score, bool(prediction.is_novel[0]), terms)
