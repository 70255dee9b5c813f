"""Tags of data sets that are named by WordNet ids, and the broader terms above them."""

from collections.abc import Iterable, Sequence

from imagetagger.bundle.labels import Term
from imagetagger.data.dataset import DatasetTag
from imagetagger.terms.wordnet import broader_terms, read_wordnet


def wordnet_tags() -> tuple[tuple[DatasetTag, ...], tuple[Term, ...]]:
    """Return the 1,000 tags of ImageNet in words that people use, in the order of its classifiers, and their terms."""
    table = read_wordnet()
    tags = tuple(DatasetTag(tag.id, tag.name, tag.synonyms, tag.broader) for tag in table.tags)
    return tags, wordnet_terms(tag.id for tag in tags)


def wordnet_terms(tag_ids: Iterable[str]) -> tuple[Term, ...]:
    """Return the broader terms of tags, by their WordNet ids."""
    found = broader_terms(read_wordnet(), tag_ids)
    return tuple(Term(term.id, term.name, term.synonyms, term.broader, term.everyday) for term in found)


def with_broader(tags: Sequence[DatasetTag]) -> tuple[DatasetTag, ...]:
    """Return tags with their broader terms, by their WordNet ids; those that the table lacks have none."""
    broader = {tag.id: tag.broader for tag in read_wordnet().tags}
    return tuple(tag._replace(broader=broader.get(tag.id, ())) for tag in tags)
