"""What serves a study or measures a speed, on little data."""

import re

import pytest

from experiments.benchmarks import efficientnet_classifier, embed, finetune, gaussian, sweep
from experiments.benchmarks import webapp as webapp_benchmark
from experiments.common.embeddings import compose_settings
from experiments.common.tables import Column, markdown_table, read_csv, write_csv
from experiments.export import int8_steps
from experiments.folder import cut
from experiments.webapp import screens
from imagetagger.bundle.archive import write_folder
from imagetagger.data.folder import load_folder
from imagetagger.web.site import APP_FOLDER
from tests.experiments.data import tiny_imagenet_folder
from tests.helpers.app import needs_app
from tests.helpers.bundles import WHITENED, bundle_files
from tests.helpers.composed import WIDTH, shrunk, small_weights
from tests.helpers.pictures import encode, noisy, tiny_imagenet_zip


def app_tests(test):
    for mark in needs_app:
        test = mark(test)
    return test


def test_rows_survive_csv_and_are_laid_out(tmp_path):
    rows = [{"name": "a", "share": 0.525}, {"name": "b", "bytes": 1_234_000}]
    write_csv(rows, tmp_path / "rows.csv")
    assert read_csv(tmp_path / "rows.csv") == [
        {"name": "a", "share": "0.525", "bytes": ""}, {"name": "b", "share": "", "bytes": "1234000"}
    ]  # fmt: skip
    columns = (Column("name", " "), Column("share", "share", ".1%"), Column("bytes", "size", ".2f", 1e-6, " MB"))
    table = "|   | share | size |\n|---|---:|---:|\n| a | 52.5 % | – |\n| b | – | 1.23 MB |"
    assert markdown_table(rows, columns) == markdown_table(read_csv(tmp_path / "rows.csv"), columns) == table


def test_a_folder_is_cut_with_bad_files_in_it(tmp_path):
    cut.main([str(tiny_imagenet_zip(tmp_path / "tiny.zip", 5)), str(tmp_path / "cut"), "--tags", "2", "--per-tag", "4"])
    data = load_folder(tmp_path / "cut")
    assert [tag.name for tag in data.tags] == ["name 0", "name 1"]
    assert len(data.train.ids) >= 8
    assert (tmp_path / "cut" / "untagged.jpg").exists()
    assert (tmp_path / "cut" / "name 0" / "bomb.png").stat().st_size == len(cut.BOMB)


@pytest.mark.slow
def test_each_step_of_the_int8_conversion_is_measured(capsys):
    small = ["--width", str(WIDTH), "--resolution", "64", "--pictures", "4"]
    int8_steps.main(["mobilenet_v2", "--weights", str(small_weights()), *small])
    cosines = re.findall(r"^\| (.+) \| (\S+) \| (\S+) \|$", capsys.readouterr().out, re.MULTILINE)
    assert [step for step, *_ in cosines] == [
        "normalised inside", "the picture is the input", "and biases corrected"
    ]  # fmt: skip
    assert all(-1 <= float(least) <= float(mean) <= 1.0001 for _, mean, least in cosines)


@pytest.mark.slow
def test_fit_and_predict_are_timed_beside_others_and_decide_alike(capsys):
    gaussian.main(["--pictures", "300", "--features", "32", "--tags", "3", "--predict", "50", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[2:]] == ["scikit-learn", "plain loop", "imagetagger"]
    assert all(line.endswith("100.00 %") for line in lines[2:])


@pytest.mark.slow
def test_the_rate_of_the_backbone_is_measured_for_every_runtime(capsys):
    embed.main(["--resolution", "32", "--batch", "4", "--pictures", "8", "--matrix", "64", "--seconds", "0.05"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [["litert", "float32"], ["jax", "float32"], ["jax", "bfloat16"]]
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)


def test_the_operations_of_fine_tuning_are_counted():
    """One block, expanding 96 channels to 576 on 2 x 2 positions."""
    recipe = compose_settings("backbone=mobilenet_v2").training
    setting = finetune.Setting(blocks=5, resolution=32, batch=1, width=1.0, tags=7, recipe=recipe)
    assert finetune.input_shape(setting) == (2, 2, 96)
    first = finetune.products(setting)[0][:3]
    assert first == [(4, 96, 576, True), (4, 576, 96, False), (4, 96, 576, False)]
    # Forward, and backward twice that, but for the gradient of the first input.
    last = finetune.Setting(blocks=1, resolution=32, batch=2, width=1.0, tags=7, recipe=recipe)
    weights = 160 * 960 + 960 * 320 + 320 * 1280 + 1280 * 7
    assert finetune.operations(last) == (2 * 2 * (3 * weights - 160 * 960), 2 * 2 * 3 * 9 * 960)


@pytest.mark.slow
def test_fine_tuning_is_timed_beside_flax_and_keras(capsys):
    small = ["--blocks", "2", "--resolution", "32", "--batch", "4", "--width", "0.35", "--tags", "3"]
    finetune.main([*small, "--rounds", "1", "--seconds", "0.05"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:]]
    assert [row[0] for row in rows] == list(finetune.MAKERS)
    assert all(float(row[1]) > 0 for row in rows)
    assert rows[0][3] == "1.00"


@pytest.mark.slow
def test_a_sweep_is_timed_and_its_points_are_counted(tmp_path, capsys):
    data = tiny_imagenet_zip(tmp_path / "tiny.zip", 4)
    seconds, points = sweep.timed(f"data.path={data}", "data.per_class=2,4", *shrunk())
    assert seconds > 0
    assert points >= 2
    assert capsys.readouterr().out.startswith("2 jobs: ")


@pytest.mark.slow
def test_the_port_of_efficientnet_is_checked_on_photographs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(efficientnet_classifier, "imagenet_wnids", lambda: [f"n{i:08}" for i in range(1000)])
    folder = tiny_imagenet_folder(tmp_path / "tiny", per_tag=1, validation=1)
    words = folder / "tiny-imagenet-200" / "words.txt"
    words.write_text("".join(f"n{i:08}\tlabel {i}\n" for i in range(1000)))
    efficientnet_classifier.main(["--data", str(folder), "--pictures", "3"])
    printed = capsys.readouterr().out
    assert len(re.findall(r"^(?:china|flower)\.jpg: label \d+(?:, label \d+){4}$", printed, re.MULTILINE)) == 2
    assert "Tiny ImageNet validation, 3 pictures" in printed
    assert re.search(r"^as trained +top-1 \d+\.\d %", printed, re.MULTILINE)


@pytest.fixture
def bundle(tmp_path):
    write_folder(bundle_files(*WHITENED), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def pictures(tmp_path):
    """Pictures of known tags, two of which the screens correct, and one that no tag fits."""
    (tmp_path / "pictures").mkdir()
    names = ("blue", "chelsea 1", "chelsea 2", "green", "coins")
    for i, name in enumerate(names):
        (tmp_path / "pictures" / f"{name}.png").write_bytes(encode(noisy((40 * i, 160, 60), i)))
    return tmp_path / "pictures"


@app_tests
def test_every_screen_of_the_app_is_photographed(bundle, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(screens, "DEVICES", {"phone": (390, 844, 1, 5)})
    screens.main([str(bundle), str(pictures), "--out", str(tmp_path / "out")])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "webapp.webp", "webapp_phone_light.webp", "webapp_phone_dark.webp"
    }  # fmt: skip
    assert "webapp_phone_dark.webp" in capsys.readouterr().out


@app_tests
def test_the_app_is_timed(bundle, pictures, monkeypatch, capsys):
    monkeypatch.setattr(webapp_benchmark, "SETTLE", 200)
    monkeypatch.setattr(webapp_benchmark, "PHOTOGRAPHS", 1)
    webapp_benchmark.main([str(bundle), str(pictures), "--against", str(APP_FOLDER)])
    printed = capsys.readouterr().out
    assert "| pictures | 5 |" in printed
    assert "| opening it again downloads | 0 bytes |" in printed
    assert re.search(r"^\| of the other app's time \| \d\.\d\d \(", printed, re.MULTILINE)
    assert re.search(r"^\| pictures a second \| \d+\.\d \|$", printed, re.MULTILINE)
