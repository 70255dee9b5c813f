"""Derive imagetagger/terms/wordnet.json: ImageNet's 1,000 tags in words that people use, and their broader terms.

python -m experiments.wordnet.build [--wordnet /usr/share/wordnet] [--out FILE] [--show]

Reads the files that Debian's package `wordnet-base` installs, and review.toml: corrections by hand, with reasons.
With --show prints the everyday terms and what lacks one.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from experiments.common.arguments import study_parser
from experiments.common.imagenet import imagenet_wnids
from experiments.wordnet.database import WORDNET, Synset, read_nouns
from imagetagger.system.atomic_files import atomic_write
from imagetagger.terms.wordnet import WORDNET_TABLE, WordNetTable, WordNetTag, WordNetTerm, broader_terms

REVIEW = Path(__file__).with_name("review.toml")

TOP_DEPTH = 3
"""Terms at most so far below "entity" say nothing to a person, such as "physical entity" and "object"."""

TOP_TAGS = 500
"""Nor do terms above more tags than this, such as "artifact"."""

EVERYDAY_TAGS = range(3, 131)
EVERYDAY_DEPTH = 5
"""Everyday terms are above so many tags, at least so far below "entity", and common words."""

Nouns = Mapping[str, Synset]


class Review(NamedTuple):
    """What was decided by hand.

    Attributes:
        names: by id, instead of the name that the rule gives.
        kept: ids of terms at the top that stay.
        hypernyms: by id, broader terms that WordNet lacks.
        everyday: names by id, added to what the rule finds.
        not_everyday: reasons by id, removed from it.
    """

    names: dict[str, str]
    kept: set[str]
    hypernyms: dict[str, str]
    everyday: dict[str, str]
    not_everyday: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = study_parser(__doc__)
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of data.noun, index.noun and cntlist.rev")
    parser.add_argument("--out", type=Path, default=WORDNET_TABLE)
    parser.add_argument("--show", action="store_true", help="print the everyday terms")
    options = parser.parse_args(arguments)
    table = make_table(read_nouns(options.wordnet), imagenet_wnids(), read_review())
    with atomic_write(options.out) as partial:
        partial.write_bytes(encode_table(table))
    if options.show:
        print(describe_everyday(table))


def read_review(file: Path = REVIEW) -> Review:
    """Read what was decided by hand."""
    data = tomllib.loads(file.read_text("utf-8"))
    names = {wnid: name for group in data["names"] for wnid, name in group["words"].items()}
    everyday = data["everyday"]
    return Review(names, set(data["top"]["keep"]), data["hypernyms"]["add"], everyday["add"], everyday["remove"])


def make_table(nouns: Nouns, tag_ids: Sequence[str], review: Review) -> WordNetTable:
    """Make the table of some tags and of all terms above them.

    Raises:
        ValueError: the review names a synset that is neither a tag nor a term, or decides what the rule does anyway.
    """
    graph = {wnid: (*nouns[wnid].hypernyms, *filter(None, [review.hypernyms.get(wnid)])) for wnid in nouns}
    tags_below = Counter(term for tag in tag_ids for term in _above(graph, tag))
    depths: dict[str, int] = {}
    for wnid in tags_below:
        _depth(nouns, wnid, depths)
    terms = sorted(
        wnid
        for wnid, count in tags_below.items()
        if wnid in review.kept or (depths[wnid] > TOP_DEPTH and count <= TOP_TAGS)
    )
    by_rule = {
        wnid
        for wnid in terms
        if tags_below[wnid] in EVERYDAY_TAGS and depths[wnid] >= EVERYDAY_DEPTH and _is_common(nouns[wnid])
    }  # fmt: skip
    _check(review, tag_ids, terms, by_rule)
    everyday = by_rule - review.not_everyday.keys() | review.everyday.keys()
    ordered = [*tag_ids, *sorted(terms, key=lambda wnid: wnid not in everyday)]
    names = _choose_names(nouns, ordered, review.names)
    taken = {name.casefold() for name in names.values()}

    def words(wnid: str) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
        others = {lemma.text.casefold(): lemma.text for lemma in reversed(nouns[wnid].lemmas)}
        synonyms = tuple(text for key, text in reversed(others.items()) if key not in taken)
        return wnid, names[wnid], synonyms, tuple(sorted(_kept_above(graph, wnid, set(terms))))

    return WordNetTable(
        tuple(WordNetTag(*words(wnid)) for wnid in tag_ids),
        tuple(WordNetTerm(*words(wnid), everyday=wnid in everyday) for wnid in terms),
    )


def _above(graph: Mapping[str, Iterable[str]], wnid: str) -> set[str]:
    return {term for parent in graph[wnid] for term in (parent, *_above(graph, parent))}


def _kept_above(graph: Mapping[str, Iterable[str]], wnid: str, kept: set[str]) -> set[str]:
    """The nearest terms above that are kept."""
    return {term for up in graph[wnid] for term in ({up} if up in kept else _kept_above(graph, up, kept))}


def _depth(nouns: Nouns, wnid: str, depths: dict[str, int]) -> int:
    """Number of steps to the top, on the shortest way."""
    if wnid not in depths:
        depths[wnid] = min((_depth(nouns, up, depths) + 1 for up in nouns[wnid].hypernyms), default=0)
    return depths[wnid]


def _is_common(synset: Synset) -> bool:
    """Whether its most frequent word is used, and mostly in this sense."""
    lemma = max(synset.lemmas, key=lambda lemma: lemma.frequency)
    return lemma.frequency >= 1 and lemma.sense == 1


def _check(review: Review, tags: Sequence[str], terms: Sequence[str], by_rule: set[str]) -> None:
    decided = {*review.names, *review.kept, *review.hypernyms, *review.hypernyms.values(), *review.everyday}
    unknown = decided - {*tags, *terms}
    idle = (review.everyday.keys() & by_rule) | (review.not_everyday.keys() - by_rule)
    if unknown or idle:
        raise ValueError(f"review.toml decides on {sorted(unknown)}, not in the table, and {sorted(idle)}, needlessly")


def _choose_names(nouns: Nouns, ids: Sequence[str], reviewed: Mapping[str, str]) -> dict[str, str]:
    """Give each its most frequent word that is not taken; the first in WordNet's order of those that tie.

    If all are taken, the word of its hypernym distinguishes it.
    """
    names = dict(reviewed)
    taken = {name.casefold() for name in names.values()}
    for wnid in ids:
        if wnid in names:
            continue
        texts = [lemma.text for lemma in sorted(nouns[wnid].lemmas, key=lambda lemma: -lemma.frequency)]
        hypernym = nouns[nouns[wnid].hypernyms[0]].lemmas[0].text
        names[wnid] = next(text for text in (*texts, f"{texts[0]} ({hypernym})") if text.casefold() not in taken)
        taken.add(names[wnid].casefold())
    return names


def encode_table(table: WordNetTable) -> bytes:
    """Return the table as JSON, a line for each tag and term."""
    tags, terms = (b",\n".join(map(msgspec.json.encode, entries)) for entries in (table.tags, table.terms))
    return b'{"tags":[\n' + tags + b'\n],"terms":[\n' + terms + b"\n]}\n"


def describe_everyday(table: WordNetTable) -> str:
    """Return the everyday terms, each with its number of tags, and the tags that lack one."""
    above = {tag.name: [term for term in broader_terms(table, [tag.id]) if term.everyday] for tag in table.tags}
    counts = Counter(term.name for terms in above.values() for term in terms)
    listed = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    without = [name for name, terms in above.items() if not terms]
    return f"{len(counts)} everyday terms: {listed}\n{len(without)} tags without: {', '.join(without)}"


if __name__ == "__main__":
    main()
