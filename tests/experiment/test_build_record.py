import base64

import numpy as np
import pytest

from imagetagger.data.dataset import Skip
from imagetagger.experiment.build_record import LISTED_CONFUSIONS
from imagetagger.options import PREDICTION_SETS
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision, PredictionSetRule
from tests.helpers.made import RULES_MADE, fitted, outcome, some
from tests.helpers.pictures import encode, noisy

TWO = Decision(Calibration(1.0), PredictionSetRule("top_k", None, 2.0))


def test_settings_in_a_record_are_all_those_that_matter_in_json():
    recorded = outcome(*some(), "classifier=tied", "cache=/elsewhere", "cache_limit=9", "force=true").record.settings
    assert recorded["classifier"]["variance_prior_strength"] == "Infinity"
    assert not {"cache", "cache_limit", "force"} & set(recorded)


def test_all_skipped_pictures_are_counted_and_the_first_thousand_listed():
    skipped = tuple(Skip(f"{i}.png", "empty file") for i in range(1200))
    data = outcome(*some(), skipped=skipped).record.data
    assert data.skipped == 1200
    assert len(data.skipped_files) == 1000
    assert (data.skipped_files[0].key, data.skipped_files[0].reason) == ("0.png", "empty file")


def test_what_was_evaluated_is_among_the_variants_without_an_export():
    variants = outcome(*some()).record.variants
    assert set(variants) == {"float32"}
    assert variants["float32"].cosine_to_float is None
    assert variants["float32"].train == 100


def unpacked(bits, count):
    return np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=count).astype(bool)


@pytest.mark.parametrize("n", [1, 7, 8, 61])
def test_a_record_has_a_bit_per_picture_for_whether_it_was_predicted_correctly(n):
    scores, labels_onehot = some(n, tags=12)
    output = outcome(scores, labels_onehot, decision=fitted("lac", 12))
    pictures, observed = output.record.pictures, output.evaluation.observed
    assert pictures.count == n
    for name, shares in (("top1", observed.top1), ("top5", observed.top5), ("covered", observed.covered)):
        assert len(base64.b64decode(getattr(pictures, name))) == -(-n // 8)
        np.testing.assert_array_equal(unpacked(getattr(pictures, name), n), shares == 1)
    assert unpacked(pictures.top1, n).mean() == output.record.calibration.after.top1


def test_a_picture_of_two_tags_is_covered_by_a_set_with_both():
    labels_onehot = np.array([[True, True, False]] * 2)
    pictures = outcome(np.array([[90, 80, 0], [90, 0, 80]], np.float32), labels_onehot, decision=TWO).record.pictures
    assert unpacked(pictures.covered, 2).tolist() == [True, False]
    assert unpacked(pictures.top1, 2).tolist() == [True, True]


def test_the_fingerprint_is_that_of_pictures_tags_and_their_order():
    def fingerprint(labels_onehot, n=60):
        return outcome(some()[0][:n], labels_onehot[:n]).record.pictures.fingerprint

    labels_onehot = some()[1]
    first = fingerprint(labels_onehot)
    assert outcome(some(seed=1)[0], labels_onehot).record.pictures.fingerprint == first == fingerprint(labels_onehot)
    others = (np.roll(labels_onehot, 1, 0), labels_onehot[:, ::-1])
    assert len({first, *map(fingerprint, others), fingerprint(labels_onehot, 59)}) == 4


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_a_record_has_the_curve_of_its_rule_with_its_own_target(rule):
    output = outcome(*some(), decision=RULES_MADE[rule])
    curve, after = output.record.coverage_curve, output.record.calibration.after
    assert curve.rule == rule
    columns = [curve.target, curve.coverage, curve.set_size, curve.singleton, curve.precision]
    assert {len(column) for column in columns} == {len(output.evaluation.curve.target)}
    at_target = (curve.coverage[curve.selected], curve.set_size[curve.selected])
    assert at_target == (after.coverage, after.set_size)


def test_a_record_has_the_accuracy_of_each_tag_the_worst_first():
    scores, labels_onehot = some(300, right=0.4)
    tags = outcome(scores, labels_onehot, names=tuple("abcd")).record.tags
    shares = [tag.correct / tag.pictures for tag in tags]
    assert shares == sorted(shares)
    correct = {name: int((scores.argmax(1)[labels_onehot[:, i]] == i).sum()) for i, name in enumerate("abcd")}
    assert {tag.name: tag.correct for tag in tags} == correct
    assert sum(tag.pictures for tag in tags) == 300


@pytest.mark.parametrize("examples", [0, 2])
def test_confusions_have_pictures_where_examples_are_wanted(examples):
    data = encode(noisy((200, 90, 20), 0))
    output = outcome(*some(300, right=0.4), f"evaluate.examples={examples}", read=lambda i: data)
    confusions = output.record.confusions
    assert 0 < len(confusions) <= LISTED_CONFUSIONS
    for confusion in confusions:
        assert confusion.true != confusion.predicted
        assert bool(confusion.examples) == (examples > 0)
        for example in confusion.examples:
            assert example.thumbnail.startswith("data:image/jpeg;base64,")
            row = output.validation.keys.index(example.key)
            assert output.tags[output.evaluation.log_probability[row].argmax()].name == confusion.predicted
