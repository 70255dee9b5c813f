import msgspec

from imagetagger.data.dataset import Skip
from imagetagger.experiment.console import result_line, result_summary
from imagetagger.experiment.record import (
    BaselineRecord,
    BundledRecord,
    GuaranteeRecord,
    OutOfFoldRecord,
    ParityRecord,
    UserTestRecord,
)
from tests.helpers.made import outcome, some
from tests.helpers.trained import FROZEN, GATE_KEPT, GATE_USED, TRAININGS, training_record


def test_the_summary_has_the_metrics_of_the_variant_that_leads():
    record = outcome(*some(), skipped=(Skip("a.png", "empty file"),)).record
    metrics, summary = record.variants["float32"], result_summary(record)
    low, high = record.confidence_intervals["top1"]
    for part in (
        "made: 4 tags, 100 pictures fitted, 10 of them calibrated on out of fold, 60 evaluated, 1 skipped",
        f"float32: top-1 {100 * metrics.top1:.2f} % [{100 * low:.1f}, {100 * high:.1f}]",
        f"log loss {metrics.log_loss:.3f}  ECE {metrics.ece:.3f}  at temperature 20.00",
        f"tag sets (cumulative) at 0.9: {metrics.set_size:.2f} tags on average",
        f"{100 * metrics.coverage:.1f} % of the time",
    ):
        assert part in summary


def test_a_summary_without_validation_pictures_claims_nothing():
    scores, labels_onehot = some()
    summary = result_summary(outcome(scores[:0], labels_onehot[:0]).record)
    assert summary.endswith("0 evaluated, 0 skipped")
    assert "nan" not in summary


def test_a_summary_without_resamples_has_no_interval():
    record = outcome(*some()).record
    assert "[" not in result_summary(msgspec.structs.replace(record, confidence_intervals={}, out_of_fold=None))


def variant(**changes):
    return {"bytes": 2_530_000, "images_per_second": 612.4, "cosine_to_float": 0.99512, "top1": 0.5321, **changes}


def test_the_summary_has_a_line_per_exported_variant_and_marks_the_one_in_the_bundle():
    variants = {"float32": variant(cosine_to_float=1.0, train=20), "int8": variant()}
    parity = ParityRecord("float32", 20, 60, 0.995, 3, 1, 0.625, 0.5, 0.53)
    record = outcome(*some(), "export=int8", variants=variants, bundled_variant="int8", parity=parity).record
    assert result_summary(record).splitlines()[-3:] == [
        "float32        2.53 MB    612 images/s  cosine to float32 1.0000  top-1 53.21 %, fitted on 20 pictures",
        "int8           2.53 MB    612 images/s  cosine to float32 0.9951  top-1 53.21 %  in the bundle",
        "beside float32, both fitted on 20 pictures: 3 pictures lost, 1 won (McNemar p = 0.62)",
    ]
    assert "cosine" not in result_summary(outcome(*some()).record)


def test_the_line_of_a_job_has_its_metrics_and_claims_nothing_without_pictures():
    scores, labels_onehot = some()
    record = outcome(scores, labels_onehot).record
    after = record.calibration.after
    assert result_line(record) == (
        f"top-1 {100 * after.top1:.2f} %  log loss {after.log_loss:.3f}  ECE {after.ece:.3f}  "
        f"coverage {100 * after.coverage:.1f} % with {after.set_size:.2f} tags"
    )
    assert result_line(outcome(scores[:0], labels_onehot[:0]).record) == "no pictures to evaluate"


def test_the_summary_has_a_line_per_baseline():
    baseline = BaselineRecord("linear_svm", 41, 60, 41 / 60, 0.67, 3, 9, 0.1460)
    summary = result_summary(outcome(*some(), baselines=[baseline]).record)
    assert (
        "linear svm: top-1 68.33 %; 3 pictures only it got right, 9 only float32 (McNemar p = 0.15)"
    ) in summary.splitlines()


def test_the_summary_says_what_the_sets_can_promise_and_what_the_bundle_holds():
    record = outcome(*some()).record
    rule = record.calibration.prediction_set
    bundled = BundledRecord(180, 170, 9.0, rule, None, None)
    test = UserTestRecord(30, 180, record.calibration.after, {"top1": (0.5, 0.75)})
    guarantee, folds = GuaranteeRecord(60, 0.9, 0.833, 0.956), OutOfFoldRecord(100, 0.75, 0.654, 0.831)
    parts = {"bundled": bundled, "test": test, "guarantee": guarantee, "out_of_fold": folds}
    summary = result_summary(msgspec.structs.replace(record, **parts))
    for line in (
        "out of fold, on 100 training pictures: top-1 75.00 % [65.4, 83.1]",
        "0.9 asked of the sets: with 60 independent pictures to calibrate on, new ones are covered between 83.3 % and "
        "95.6 % of the time",
        "the bundle is fitted on all 180 pictures",
    ):
        assert line in summary.splitlines()
    assert "your 30 test pictures: top-1" in summary
    assert "[50.0, 75.0]" in summary


def test_the_summary_says_what_was_fine_tuned_and_what_the_frozen_network_reaches():
    record, lines = outcome(*some()).record, len(result_summary(outcome(*some()).record).splitlines())
    summary = result_summary(msgspec.structs.replace(record, training=training_record(12, 10))).splitlines()
    assert len(summary) == lines + 2
    assert "fine-tuned: the last 3 blocks on 61,500 pictures in 41 minutes, epoch 10 of 12 kept" in summary
    assert (
        "frozen network: top-1 61.00 %; 5 pictures only it got right, 14 only the fine-tuned one (McNemar p = 0.064)"
    ) in summary
    assert "fine-tuned" not in result_summary(record)


def test_the_summary_says_what_cross_validation_decided():
    record = outcome(*some()).record
    kept = result_summary(msgspec.structs.replace(record, training=TRAININGS["kept frozen"]))
    assert (
        "the network stays frozen: top-1 81.2 % tuned, 82.1 % frozen, on 240 pictures not seen before (McNemar p = 0.8)"
    ) in kept.splitlines()
    assert "fine-tuned: " not in kept
    used = result_summary(msgspec.structs.replace(record, training=training_record(gate=GATE_USED, frozen=None)))
    assert "the fine-tuned network is used: top-1 86.2 % tuned, 82.1 % frozen, on 240 pictures" in used
    untried = msgspec.structs.replace(GATE_KEPT, folds=0, top1_tuned=None)
    lines = result_summary(msgspec.structs.replace(record, training=training_record(epochs=[], gate=untried)))
    assert "the network stays frozen: top-1 82.1 % frozen, on 240 pictures not seen before\n" in f"{lines}\n"


def test_a_frozen_network_without_evaluated_pictures_has_no_line():
    empty = msgspec.structs.replace(FROZEN, pictures=0, top1=None)
    record = msgspec.structs.replace(outcome(*some()).record, training=training_record(frozen=empty))
    assert "frozen network" not in result_summary(record)
