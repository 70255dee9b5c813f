import numpy as np

from imagetagger.terms.graph import term_graph

TERMS = {"pet": (), "animal": (), "dog": ("pet", "animal"), "hound": ("dog",), "plant": ()}
TAGS = {"beagle": ("hound",), "poodle": ("dog",), "lion": ("animal",), "car": (), "dog": ("pet", "animal")}


def summed(graph, probabilities):
    """Probability of every term: the sum over the tags below it."""
    return probabilities @ graph.below.T


def below(graph):
    """Ids of the tags below each term."""
    tags = np.array(list(TAGS))
    return {term: set(tags[row]) for term, row in zip(graph.ids, graph.below, strict=True)}


def test_a_term_has_the_tags_at_any_depth_below_it_and_a_taught_term_is_below_itself():
    assert below(term_graph(TAGS, TERMS)) == {
        "pet": {"beagle", "poodle", "dog"},
        "animal": {"beagle", "poodle", "lion", "dog"},
        "dog": {"beagle", "poodle", "dog"},
        "hound": {"beagle"},
        "plant": set(),
    }


def test_breadth_counts_the_tags_below():
    graph = term_graph(TAGS, TERMS)
    assert dict(zip(graph.ids, graph.breadth.tolist(), strict=True)) == {
        term: len(tags) for term, tags in below(graph).items()
    }


def test_a_term_is_inside_itself_and_all_that_are_above_it():
    graph = term_graph(TAGS, TERMS)
    inside = {(inner, outer) for outer, row in zip(graph.ids, graph.inside, strict=True)
              for inner, is_inside in zip(graph.ids, row, strict=True) if is_inside}  # fmt: skip
    above = {("dog", "pet"), ("dog", "animal"), ("hound", "dog"), ("hound", "pet"), ("hound", "animal")}
    assert inside == {(term, term) for term in TERMS} | above


def test_the_probability_of_a_term_is_the_sum_of_the_tags_below_it():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.3, 0.1], [1, 0, 0, 0, 0]])
    expected = [[0.4, 0.7, 0.4, 0.1, 0], [1, 1, 1, 1, 0]]
    np.testing.assert_allclose(summed(term_graph(TAGS, TERMS), probabilities), expected)


def test_a_tag_that_reaches_a_term_by_two_ways_counts_once():
    diamond = {"top": (), "left": ("top",), "right": ("top",)}
    graph = term_graph({"a": ("left", "right"), "b": ("right",)}, diamond)
    np.testing.assert_allclose(summed(graph, np.array([[0.25, 0.5]])), [[0.75, 0.25, 0.75]])


def test_terms_that_a_bundle_lacks_are_passed_over():
    graph = term_graph({"a": ("gone", "kept")}, {"kept": ("gone too",)})
    assert graph.below.tolist() == [[True]]
    assert graph.inside.tolist() == [[True]]


def test_chains_may_be_long():
    terms = {str(i): (str(i + 1),) if i < 2999 else () for i in range(3000)}
    graph = term_graph({"tag": ("0",)}, terms)
    assert graph.below.all()
    assert graph.inside.sum() == 3000 * 3001 // 2


def test_without_terms_there_are_none():
    assert summed(term_graph({"a": ()}, {}), np.ones((2, 1))).shape == (2, 0)
