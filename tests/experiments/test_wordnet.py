"""The table of words is what the script derives from WordNet, and the script does what its rules say."""

import os
import tomllib
import zipfile
from pathlib import Path

import pytest

from experiments.common.imagenet import imagenet_wnids
from experiments.wordnet.build import REVIEW, Review, describe_everyday, encode_table, main, make_table, read_review
from experiments.wordnet.database import WORDNET, Lemma, Synset, read_nouns
from imagetagger.terms.wordnet import WORDNET_TABLE, read_wordnet

FOLDER = Path(os.environ.get("WNSEARCHDIR", WORDNET))
"""WordNet's own variable names another folder."""

PHOTOGRAPHS = Path("/work/shared/photographs-600.zip")

DATA = """\
  1 The licence.
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | what is
00000002 05 n 02 Great_cat 0 cat 1 002 @ 00000001 n 0000 + 00000001 v 0101 | purrs
00000003 05 n 01 Tom 0 001 @i 00000002 n 0000 | one cat
"""
INDEX = """\
  1 The licence.
cat n 2 1 @ 2 1 00000009 00000002
entity n 1 1 ~ 1 1 00000001
great_cat n 1 1 @ 1 0 00000002
tom n 1 1 @i 1 0 00000003
"""


def test_the_table_is_what_the_script_derives(tmp_path):
    if not (FOLDER / "data.noun").is_file():
        pytest.skip("WordNet is not installed: Debian's package is wordnet-base")
    main(["--wordnet", str(FOLDER), "--out", str(tmp_path / "table.json")])
    assert (tmp_path / "table.json").read_bytes() == WORDNET_TABLE.read_bytes()


def test_the_tags_are_those_of_imagenet():
    assert [tag.id for tag in read_wordnet().tags] == imagenet_wnids()
    assert encode_table(read_wordnet()) == WORDNET_TABLE.read_bytes()


def test_tags_of_the_shared_photographs_are_among_them():
    if not PHOTOGRAPHS.is_file():
        pytest.skip(f"no photographs: {PHOTOGRAPHS} is missing")
    assert {name.split("_")[0] for name in zipfile.ZipFile(PHOTOGRAPHS).namelist()} <= set(imagenet_wnids())


def test_tags_of_tiny_imagenet_are_among_them(real_zip):
    wnids = zipfile.ZipFile(real_zip).read("tiny-imagenet-200/wnids.txt").decode().split()
    assert len(set(wnids) & set(imagenet_wnids())) == 200


def test_every_reviewed_term_is_in_the_table_by_its_reviewed_name():
    table, review = read_wordnet(), tomllib.loads(REVIEW.read_text())
    terms = {term.id: term for term in table.terms}
    assert {wnid: terms[wnid].name for wnid in review["everyday"]["add"]} == review["everyday"]["add"]
    assert all(terms[wnid].everyday for wnid in review["everyday"]["add"])
    assert not any(terms[wnid].everyday for wnid in review["everyday"]["remove"])
    names = {entry.id: entry.name for entry in (*table.tags, *table.terms)}
    assert read_review().names.items() <= names.items()


def test_everyday_terms_are_listed():
    described = describe_everyday(read_wordnet())
    assert "dog 118" in described
    assert "tags without: trilobite" in described


def test_words_counts_and_senses_are_read(tmp_path):
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    with pytest.raises(FileNotFoundError, match=r"cntlist\.rev not found.*wordnet-base"):
        read_nouns(tmp_path)
    (tmp_path / "cntlist.rev").write_text("cat%1:05:01:: 2 7\ncat%1:18:00:: 1 9\n")
    assert list(read_nouns(tmp_path).values()) == [
        Synset("n00000001", (Lemma("entity", 0, 1),), ()),
        Synset("n00000002", (Lemma("Great cat", 0, 1), Lemma("cat", 7, 2)), ("n00000001",)),
        Synset("n00000003", (Lemma("Tom", 0, 1),), ("n00000002",)),
    ]


def nouns() -> dict[str, Synset]:
    """Four steps of nothing, then animals: three kinds of crane and a machine that is called so too."""

    def synset(wnid: str, *words: tuple[str, int], up: str = "") -> Synset:
        return Synset(wnid, tuple(Lemma(word, count, 1) for word, count in words), (up,) if up else ())

    steps = [synset(f"n{i}", (f"step {i}", 1), up=f"n{i - 1}" if i else "") for i in range(5)]
    birds = [synset(f"b{i}", ("crane", 2), (f"Grus {i}", 0), up="bird") for i in range(3)]
    bird = synset("bird", ("fowl", 1), ("bird", 5), up="n4")
    return {each.id: each for each in (*steps, bird, *birds, synset("m", ("crane", 4), up="n3"))}


def test_rules_choose_names_terms_and_everyday_words():
    review = Review({"b0": "crane (bird)"}, set(), {}, {}, {})
    table = make_table(nouns(), ["b0", "b1", "b2", "m"], review)
    assert [tag.name for tag in table.tags] == ["crane (bird)", "crane", "Grus 2", "crane (step 3)"]
    assert [tag.synonyms for tag in table.tags] == [("Grus 0",), ("Grus 1",), (), ()]
    assert [(term.id, term.name, term.synonyms, term.broader, term.everyday) for term in table.terms] == [
        ("bird", "bird", ("fowl",), ("n4",), True),
        ("n4", "step 4", (), (), False),
    ]
    assert [tag.broader for tag in table.tags] == [("bird",)] * 3 + [()]


def test_a_review_can_keep_a_term_at_the_top_and_take_an_everyday_word_away():
    review = Review({}, {"n2"}, {"m": "n4"}, {"n4": "step 4"}, {"bird": "why"})
    table = make_table(nouns(), ["b0", "b1", "b2", "m"], review)
    assert [(term.id, term.broader, term.everyday) for term in table.terms] == [
        ("bird", ("n4",), False), ("n2", (), False), ("n4", ("n2",), True)
    ]  # fmt: skip
    assert table.tags[3].broader == ("n2", "n4")


@pytest.mark.parametrize("review", [Review({"x": "y"}, set(), {}, {}, {}), Review({}, set(), {}, {"bird": "bird"}, {})])
def test_a_decision_without_effect_is_refused(review):
    with pytest.raises(ValueError, match=r"review\.toml decides on"):
        make_table(nouns(), ["b0", "b1", "b2"], review)
