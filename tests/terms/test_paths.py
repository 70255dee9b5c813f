"""Paths of words among broader terms, by a table that the app's tests read too."""

import json
from pathlib import Path

import numpy as np
import pytest

from imagetagger.archive.tagging.everyday import everyday_tags
from imagetagger.archive.tagging.plan import machine_tags
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.tagger.tagger import Tagger
from imagetagger.terms.graph import term_graph
from imagetagger.terms.paths import term_path, term_paths

TABLE = Path(__file__).parents[2] / "imagetagger/web/app/tests/term_paths.json"
CASES = [
    pytest.param(case, word, paths, id=f"{case['what']}: {word}")
    for case in json.loads(TABLE.read_text("utf-8"))
    for word, paths in case["paths"].items()
]


@pytest.mark.parametrize(("case", "word", "paths"), CASES)
def test_a_word_is_below_all_its_broader_terms(case, word, paths):
    found = term_paths(word, case["broader"], case["usable"])
    assert [list(path) for path in found] == paths
    assert list(term_path(word, case["broader"], case["usable"])) == paths[0]
    if case["what"] != "a circle ends":
        terms = {term: case["broader"].get(term, []) for term in (*case["broader"], *case["usable"])}
        graph = term_graph({word: case["broader"].get(word, [])}, terms)
        above = {term for term, is_above in zip(graph.ids, graph.below[:, 0], strict=True) if is_above}
        assert {term for path in found for term in path} - {word} == above & {*case["usable"]} - {word}


def test_an_archive_s_pictures_get_every_everyday_term_above_a_sure_tag():
    bundle, tagger = read_bundle(everyday_bundle()), Tagger.load()
    words = everyday_tags(tagger, bundle.labels, bundle.terms)
    terms = {term.id: term for term in bundle.terms}
    usable = {term.id for term in bundle.terms if term.everyday}
    broader = {word.id: word.broader for word in (*bundle.labels, *bundle.terms)}
    names = {word.id: word.name for word in (*bundle.labels, *bundle.terms)}
    with_several = 0
    for row, label in enumerate(bundle.labels):
        sure = words.below[:, row]
        written = machine_tags(words.keywords, sure, sure > 0, bundle="b", written="w")
        paths = term_paths(label.id, broader, usable)
        assert {tag.keyword for tag in written} == {tuple(names[key] for key in path) for path in paths}
        above, waiting = set[str](), [*label.broader]
        while waiting:
            above.add(key := waiting.pop())
            waiting += terms[key].broader
        assert {names[key] for key in above & usable} <= {name for tag in written for name in tag.keyword}
        with_several += len(written) > 1
    assert with_several > 20
    assert np.isin([0, 1], words.below).all()
