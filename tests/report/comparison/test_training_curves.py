import csv
import io

import msgspec
import pytest

from imagetagger.report.comparison.curves import MAX_LINES, setting_curves
from imagetagger.report.comparison.page import TEMPLATE, comparison_context
from imagetagger.report.comparison.runs import read_runs
from imagetagger.report.comparison.table import run_table
from imagetagger.report.comparison.training_curves import training_curves
from imagetagger.report.comparison.varied_settings import run_labels, varied_settings
from imagetagger.report.template import render_page
from tests.helpers.pages import Page
from tests.helpers.sweeps import leave
from tests.helpers.trained import RECIPE, TRAININGS, epoch_records, training_record

pytestmark = pytest.mark.slow


def leave_trained(folder, *overrides, training, **options):
    return leave(folder, *overrides, change={"training": msgspec.to_builtins(training)}, **options)


def tuned(blocks, **changes):
    return training_record(recipe=RECIPE | {"blocks": blocks}, **changes)


def curves_of(folder):
    runs = read_runs([folder]).runs
    return training_curves(runs, varied_settings(runs))


def text_of(folder):
    parsed = Page(render_page(TEMPLATE, **comparison_context(read_runs([folder]))))
    assert parsed.complaints == []
    return parsed.all_text()


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """A run of the last one, three and five blocks, of all, of none, and one whose gate kept the network."""
    folder = tmp_path_factory.mktemp("blocks")
    for i, name in enumerate(("1", "3", "5", "all")):
        epochs = epoch_records(12, 10, tuning_top1=(50 + i) / 100)
        training = tuned(name, epochs=epochs, seconds=600.0 * (i + 1))
        leave_trained(folder / name, f"training.blocks={name}", training=training, right=0.5 + 0.1 * i)
    leave_trained(folder / "gate", "training.blocks=3", "seed=1", training=TRAININGS["kept frozen"])
    leave(folder / "none")
    return folder


def test_the_curves_of_trained_runs_share_a_plot(blocks):
    loss, top1 = curves_of(blocks).panels
    assert [line.label for line in top1.lines] == ["blocks 1", "blocks 3", "blocks 5", "blocks all"]
    assert [point.x for point in loss.lines[0].points] == list(range(1, 13))
    assert [line.points[0].mean for line in top1.lines] == pytest.approx([0.50, 0.51, 0.52, 0.53])
    assert "How did fine-tuning go?" in text_of(blocks)


def test_fewer_than_two_trainings_have_no_plot(tmp_path):
    leave(tmp_path / "a")
    leave_trained(tmp_path / "b", "training.blocks=3", training=training_record())
    leave_trained(tmp_path / "c", "training.blocks=5", training=TRAININGS["without tuning pictures"])
    leave_trained(tmp_path / "d", "training.blocks=3", "seed=1", training=training_record())
    assert curves_of(tmp_path) is None
    assert "How did fine-tuning go?" not in text_of(tmp_path)


def test_many_trainings_are_spread_from_the_best_to_the_worst(tmp_path):
    for i in range(11):
        leave_trained(tmp_path / str(i), f"training.dropout=0.{i:02}", training=training_record(), right=0.09 * i)
    curves = curves_of(tmp_path)
    assert (curves.drawn, curves.total) == (MAX_LINES, 11)
    assert "Of 11 trainings that differ in more than the seed, 8 are drawn" in text_of(tmp_path)


def test_the_table_has_what_was_trained_and_for_how_long(blocks):
    text = text_of(blocks)
    assert "fine-tuned training time trained on" in text
    assert "last 3 blocks 20 minutes 12 epochs" in text
    assert "all blocks 40 minutes 12 epochs" in text
    assert "none frozen features do as well –" in text
    rows = {row["folder"]: row for row in csv.DictReader(io.StringIO(table_of(blocks)))}
    assert [rows["3"][key] for key in ("trained_blocks", "trained_epochs", "training_seconds")] == ["3", "12", "1200.0"]
    assert [rows["none"][key] for key in ("trained_blocks", "trained_epochs", "training_seconds")] == ["", "", ""]
    assert (rows["gate"]["trained_blocks"], rows["gate"]["trained_epochs"]) == ("", "0")


def table_of(folder):
    runs = read_runs([folder]).runs
    return run_table(runs, varied_settings(runs))


def test_runs_without_training_have_no_columns_of_it(tmp_path):
    leave(tmp_path / "a")
    leave(tmp_path / "b", "seed=1")
    assert "fine-tuned" not in text_of(tmp_path)


def test_numbers_of_blocks_are_an_axis_with_the_time_that_they_cost(tmp_path):
    for i, name in enumerate(("1", "3", "10")):
        training = tuned(name, seconds=600.0 * (i + 1))
        leave_trained(tmp_path / name, f"training.blocks={name}", training=training, right=0.3 + 0.2 * i)
    runs = read_runs([tmp_path]).runs
    settings = varied_settings(runs)
    (curves,) = setting_curves(runs, settings)
    assert [point.x for point in curves.panels[0].lines[0].points] == [1, 3, 10]
    minutes = next(panel for panel in curves.panels if panel.key == "training_minutes")
    assert [point.mean for point in minutes.lines[0].points] == [10, 20, 30]
    assert run_labels(runs, settings) == ["blocks 1", "blocks 3", "blocks 10"]


@pytest.mark.parametrize("kind", TRAININGS)
def test_a_page_of_two_trainings_of_any_kind_shows_no_missing_value(kind, tmp_path):
    for seed, dropout in enumerate(("0.1", "0.2")):
        leave_trained(tmp_path / dropout, f"training.dropout={dropout}", training=TRAININGS[kind], seed=seed)
    text = text_of(tmp_path).split('"use strict"')[0].replace("transform none", "")
    assert not {"nan", "None", "inf", "Undefined"} & set(text.replace(",", " ").split())
