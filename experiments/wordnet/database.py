"""Read nouns from the database files of WordNet 3.0; wndb(5WN), cntlist(5WN) and senseidx(5WN) describe them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WORDNET = Path("/usr/share/wordnet")
"""Where Debian's package `wordnet-base` installs the files."""


class Lemma(NamedTuple):
    """A word of a synset.

    Attributes:
        text: as WordNet spells it, underscores as spaces.
        frequency: how often it has this sense in WordNet's tagged texts.
        sense: place of this sense among those of the word, 1 for the most frequent.
    """

    text: str
    frequency: int
    sense: int


class Synset(NamedTuple):
    """Words of one meaning.

    Attributes:
        id: "n" and the offset in data.noun, as ImageNet names it.
        lemmas: its words, in WordNet's own order.
        hypernyms: ids of synsets that are broader, of classes and of instances.
    """

    id: str
    lemmas: tuple[Lemma, ...]
    hypernyms: tuple[str, ...]


def read_nouns(folder: Path) -> dict[str, Synset]:
    """Read all nouns.

    Args:
        folder: holds data.noun, index.noun and cntlist.rev.

    Raises:
        FileNotFoundError: one of them is missing.
    """
    files = [folder / name for name in ("data.noun", "index.noun", "cntlist.rev")]
    if missing := [str(file) for file in files if not file.is_file()]:
        raise FileNotFoundError(
            f"{', '.join(missing)} not found, expected the files of WordNet 3.0: install Debian's wordnet-base"
        )
    data, index, counts = files
    tagged = {key: int(count) for key, _, count in (line.split() for line in _lines(counts))}
    senses = {fields[0]: fields[-int(fields[2]) :] for fields in (line.split() for line in _lines(index))}
    synsets = (_parse(line.partition("|")[0].split(), tagged, senses) for line in _lines(data))
    return {synset.id: synset for synset in synsets}


def _lines(file: Path) -> Iterator[str]:
    """The lines of a file without its licence, which is indented."""
    with file.open(encoding="ascii") as lines:
        yield from (line for line in lines if not line.startswith(" "))


def _parse(fields: list[str], tagged: dict[str, int], senses: dict[str, list[str]]) -> Synset:
    """Parse the fields of a line: offset, file, type, words with their ids, pointers of four fields."""
    offset, file = fields[:2]
    end = 4 + 2 * int(fields[3], 16)
    lemmas = []
    for word, lex_id in zip(fields[4:end:2], fields[5:end:2], strict=True):
        count = tagged.get(f"{word.lower()}%1:{file}:{int(lex_id, 16):02}::", 0)
        lemmas.append(Lemma(word.replace("_", " "), count, senses[word.lower()].index(offset) + 1))
    pointers = [fields[end + 1 + 4 * i :][:4] for i in range(int(fields[end]))]
    hypernyms = (f"n{target}" for symbol, target, kind, _ in pointers if symbol in ("@", "@i") and kind == "n")
    return Synset(f"n{offset}", tuple(lemmas), tuple(hypernyms))
