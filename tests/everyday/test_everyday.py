"""The bundle that comes with the package, on real photographs."""

import functools
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets

from imagetagger.bundle.reader import read_bundle
from imagetagger.bundle.verify import verify_bundle
from imagetagger.data.wordnet_tags import wordnet_tags
from imagetagger.everyday import EVERYDAY_BUNDLE
from imagetagger.tagger.description import words_below
from imagetagger.tagger.tagger import Tagger

PHOTOGRAPHS = Path(__file__).parents[3] / "shared" / "photographs-600.zip"
SAMPLES = Path(sklearn.datasets.__file__).parent / "images"
"""Two photographs that come with scikit-learn."""

pytestmark = pytest.mark.skipif(
    not EVERYDAY_BUNDLE.is_file(), reason=f"no everyday bundle: {EVERYDAY_BUNDLE} is missing; +experiment=everyday"
)


@functools.cache
def everyday() -> Tagger:
    return Tagger.load()


@functools.cache
def described(name: str):
    return everyday().describe(SAMPLES / name)


def test_it_is_sound():
    lines = verify_bundle(EVERYDAY_BUNDLE)
    assert "1000 tags, int8" in lines[0]
    assert len(lines) >= 4


def test_it_is_small():
    assert EVERYDAY_BUNDLE.stat().st_size <= 9_000_000


def test_its_tags_are_imagenets_in_words_with_all_terms_above_them():
    bundle = read_bundle(EVERYDAY_BUNDLE)
    tags, terms = wordnet_tags()
    assert [(label.id, label.name, label.synonyms, label.broader) for label in bundle.labels] == [
        tag[:4] for tag in tags
    ]
    assert bundle.terms == terms
    assert 100 <= sum(term.everyday for term in bundle.terms) <= 150
    assert bundle.manifest.decision.novelty is not None
    assert (bundle.score_offset != 0).all()


def test_words_are_found_by_name_synonym_and_broader_term():
    made = everyday()
    assert all(made.has_tag(name) for name in ("goldfish", "Dog", "bird", "n02084071"))
    assert not made.has_tag("zebra finch cage")
    assert len(made.tags) == 1000


@pytest.mark.parametrize(("name", "words"), [("china.jpg", {"building"}), ("flower.jpg", {"daisy"})])
def test_photographs_get_sensible_words(name, words):
    got = described(name)
    assert 1 <= len(got.terms) <= 3
    shown = {tag.name for tag in (*got.tags, *got.terms)}
    assert shown & words
    assert sum(tag.probability for tag in got.tags) <= 1 + 1e-6


@pytest.mark.slow
def test_it_is_right_about_real_photographs():
    if not PHOTOGRAPHS.is_file():
        pytest.skip(f"no real photographs: {PHOTOGRAPHS} is missing")
    made = everyday()
    ranks, is_described = [], []
    with zipfile.ZipFile(PHOTOGRAPHS) as archive:
        for name in sorted(archive.namelist()):
            wnid = name.partition("_")[0]
            got = made.describe(archive.read(name), top_k=5)
            tags = [tag.id for tag in got.tags]
            ranks.append(tags.index(wnid) if wnid in tags else 5)
            below = (words_below(made._state.words, term.id) | {term.id} for term in got.terms)
            is_described.append(any(wnid in keys for keys in below))
    rank = np.array(ranks)
    assert len(rank) == 600
    assert (rank == 0).mean() >= 0.84
    assert (rank < 5).mean() >= 0.95
    assert np.mean(is_described) >= 0.93
