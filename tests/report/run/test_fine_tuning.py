import msgspec
import pytest

from imagetagger.experiment.record import read_record, write_record
from imagetagger.experiment.training_record import FrozenRecord
from imagetagger.report.run.fine_tuning import describe_fine_tuning
from tests.helpers.made import outcome, some
from tests.helpers.pages import page
from tests.helpers.trained import GATE_KEPT, GATE_USED, RECIPE, TRAININGS, epoch_records, training_record

pytestmark = pytest.mark.slow

OUTPUT = outcome(*some(200, 8))
RECORD = OUTPUT.record


def of_training(training, **record):
    return OUTPUT._replace(record=msgspec.structs.replace(RECORD, training=training, **record))


def described(training, **record):
    return describe_fine_tuning(of_training(training, **record).record)


def section(training):
    """The text of the page's section."""
    text = page(of_training(training), examples=0)[1].all_text()
    return text[text.index("Fine-tuning ") : text.index("Can its confidence be trusted?")]


@pytest.fixture(params=TRAININGS, scope="module")
def kind(request):
    """A training of each kind, the page's source, and what is in it."""
    return TRAININGS[request.param], *page(of_training(TRAININGS[request.param]), examples=0)


def test_a_page_of_any_training_has_unique_ids_and_no_missing_values(kind):
    _, _, parsed = kind
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    text = parsed.all_text()
    text = text[text.index("Fine-tuning ") : text.index("Can its confidence be trusted?")]
    assert not {"nan", "None", "inf", "Undefined"} & set(text.replace(",", " ").split())


def test_every_curve_has_a_text_for_the_blind(kind):
    training, _, parsed = kind
    texts = [attributes["aria-label"] for tag, attributes in parsed.elements if tag == "svg"]
    of_epochs = [text for text in texts if "of each epoch." in text]
    known = ("loss", "top1", "learning_rate", "images_per_second")
    drawn = [key for key in known if any(getattr(epoch, key) is not None for epoch in training.epochs)]
    assert len(of_epochs) == (len(drawn) if len(training.epochs) > 1 else 0)
    assert all(f"after epoch {training.best_epoch}" in text for text in of_epochs)


def test_a_run_that_trained_nothing_has_no_such_section():
    assert describe_fine_tuning(RECORD) is None
    assert "Fine-tuning" not in page(OUTPUT)[1].all_text()


def test_the_section_says_what_was_trained_and_which_epoch_was_kept():
    text = section(training_record(12, 10))
    assert "The last 3 blocks of none, and its head, learned from 61,500 pictures in 12 epochs, which took 41 " in text
    assert "41 minutes at 300 images per second. The weights after epoch 10 were kept, as their loss on 4,500 " in text
    assert "Recipe: AdamW, learning rate 0.001, at most 12 epochs, batches of 128" in text
    assert "ended early" not in text
    stopped = section(TRAININGS["stopped early"])
    assert "Training ended early: the loss of the tuning pictures has not fallen for 3 epochs." in stopped
    assert "All blocks of none" in section(TRAININGS["all blocks"])


def test_the_reason_that_an_epoch_was_kept_is_the_true_one():
    last = training_record(12, 10, best_epoch=12)
    assert "The weights after epoch 12 were kept. The 4,500 tuning pictures did not choose the epoch." in section(last)
    none = "The weights after epoch 12 were kept, as there were no tuning pictures to choose an epoch by."
    assert none in section(TRAININGS["without tuning pictures"])


def test_the_frozen_network_is_a_row_beside_the_tuned_one():
    top1 = RECORD.calibration.after.top1
    text = section(training_record(frozen=FrozenRecord(200, 0.61, 0.605, 5, 24, 0.0005)))
    points = 100 * (top1 - 0.61)
    assert (
        f"On 200 pictures that the network did not learn from, fine-tuning gained {points:.1f} points of top-1, more "
        in text
    )
    assert "more than chance explains (McNemar's p = 0.0005)." in text
    assert f"fine-tuned this run {100 * top1:.2f} % " in text
    assert "% 24 frozen 61.00 % 60.50 % 5" in text


@pytest.mark.parametrize(
    ("frozen", "text"),
    [
        (
            FrozenRecord(200, 0.98, 0.98, 40, 3, 1e-9),
            "top-1, more than chance explains (McNemar's p < 0.0001)",
        ),
        (FrozenRecord(200, 0.98, 0.98, 4, 3, 1.0), "points of top-1, which may be chance (McNemar's p = 1)"),
        (FrozenRecord(200, 0.7, 0.7, 0, 0, 1.0), "fine-tuning changed nothing: it got the same ones right."),
        (FrozenRecord(200, None, None, 0, 0, 1.0), "How much fine-tuning gained is unknown."),
    ],
)
def test_a_loss_a_draw_and_chance_are_named(frozen, text):
    sentence = described(training_record(frozen=frozen)).sentences[-1]
    assert text in sentence
    assert ("fine-tuning cost" in sentence) == (frozen.top1 == 0.98)


def test_nothing_is_claimed_of_pictures_out_of_fold_or_of_none():
    settings = RECORD.settings | {"evaluate": RECORD.settings["evaluate"] | {"split": "out_of_fold"}}
    assert "did not learn from" in described(training_record()).sentences[-1]
    assert "did not learn from" not in described(training_record(), settings=settings).sentences[-1]
    assert described(training_record(frozen=FrozenRecord(0, None, None, 0, 0, 1.0))).frozen is None


def test_what_the_gate_decided_is_said_also_where_it_kept_the_frozen_network():
    assert section(TRAININGS["kept frozen"]).strip() == (
        "Fine-tuning On 240 pictures that neither had seen there was no gain: top-1 81.2 % tuned, 82.1 % frozen, so "
        "the network stays as it was. Only the tuned network got 7 pictures right, only the frozen one 9: McNemar's "
        "p = 0.8."
    )
    slight = msgspec.structs.replace(GATE_KEPT, top1_tuned=0.825)
    assert (
        "there was no clear gain: top-1 82.5\u00a0% tuned"
        in described(training_record(epochs=[], gate=slight)).sentences[0]
    )
    used = described(training_record(gate=GATE_USED)).sentences
    assert "there was a gain: top-1 86.2\u00a0% tuned, 82.1\u00a0% frozen, so the tuned network is used." in used[0]
    assert used[1].startswith("The last 3 blocks")
    untried = msgspec.structs.replace(GATE_KEPT, folds=0, top1_frozen=0.99, top1_tuned=None)
    assert described(training_record(epochs=[], gate=untried)).sentences[0] == (
        "Out of fold, frozen features classify 99.0\u00a0% of 240 pictures correctly, which leaves too little to gain: "
        "the network stays as it was."
    )


def test_the_caption_names_what_the_training_loss_includes():
    def caption(**recipe):
        return described(training_record(recipe=RECIPE | recipe)).figures[0].caption

    assert "The training loss includes label smoothing, mixup, dropout, random crops, the loss of the" in caption()
    assert "Gaussian classifier and distillation, and is a mean over an epoch" in caption()
    assert "of the averaged weights at its end. So the training loss may lie above it." in caption()
    plain = caption(label_smoothing=0, mixup=0, dropout=0, crops=0, gaussian_weight=0, teacher=None, ema_decay=0)
    assert "The training loss is a mean over an epoch" in plain
    assert "of the weights at its end" in plain
    assert "tuning" not in described(TRAININGS["without tuning pictures"]).figures[0].caption


def test_a_training_of_one_epoch_is_described_in_numbers():
    shown = described(training_record(1, 1))
    assert shown.figures == []
    assert (
        "Its loss was 4.00, on tuning pictures 1.40; its top-1 30.0\u00a0%, on tuning pictures 66.0\u00a0%."
        in shown.sentences[0]
    )
    without = training_record(1, 1, epochs=epoch_records(1, 1, tuning_loss=None, tuning_top1=None, top1=None))
    assert described(without).sentences[0].endswith("Its loss was 4.00, its top-1 –.")


def test_losses_that_are_not_numbers_become_null_and_are_shown_as_unknown(tmp_path):
    epochs = epoch_records(4, 4, tuning_loss=float("nan"), tuning_top1=float("inf"))
    write_record(of_training(training_record(4, 4, epochs=epochs)).record, tmp_path / "result.json")
    training = read_record(tmp_path / "result.json").training
    assert {epoch.tuning_loss for epoch in training.epochs} == {None}
    assert "nan" not in section(training)


def test_evil_recipes_are_shown_as_text():
    evil = "<script>alert(1)</script>{{ 7*7 }}{0}"
    recipe = {"blocks": evil, "optimizer": evil, "teacher": evil, "distillation_weight": 1, "dtype": evil}
    training = training_record(recipe=recipe, stopped=evil)
    source, parsed = page(of_training(training), examples=0)
    assert "<script>" not in source
    assert parsed.all_text().count(evil) == 5
