import numpy as np

from imagetagger.archive.tagging.everyday import everyday_tags, predict_everyday
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.tagger.tagger import Tagger


def test_words_of_the_everyday_tagger_have_paths_and_probabilities():
    bundle, tagger = read_bundle(everyday_bundle()), Tagger.load()
    words = everyday_tags(tagger, bundle.labels, bundle.terms)
    assert words.below.shape == (len(words.keywords), len(tagger.tags))
    paths = {keyword[-1]: keyword for keyword in words.keywords}
    assert paths["golden retriever"] == ("dog", "retriever", "golden retriever")
    assert paths["tabby cat"] == ("cat", "tabby cat")
    assert paths["espresso"] == ("food", "drink", "espresso")
    assert all(len({*keyword}) == len(keyword) for keyword in words.keywords)
    probability = predict_everyday(tagger, words, bundle.rows.mean[0])
    place = {keyword[-1]: i for i, keyword in enumerate(words.keywords)}
    assert probability[place["dog"]] >= probability[place["retriever"]] >= probability[place["golden retriever"]] > 0
    np.testing.assert_allclose(probability[: len(tagger.tags)].sum(), 1, atol=1e-6)


def test_hidden_words_are_not_written():
    bundle, tagger = read_bundle(everyday_bundle()), Tagger.load()
    tagger.hide_tag("golden retriever")
    tagger.hide_tag("cat")
    names = {keyword[-1] for keyword in everyday_tags(tagger, bundle.labels, bundle.terms).keywords}
    assert names.isdisjoint({"golden retriever", "cat", "tabby cat"})
    assert "poodle" in names or "dog" in names
