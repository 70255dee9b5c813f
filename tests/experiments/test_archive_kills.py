"""The study of tagging that is killed, on a small library."""

import csv
import zipfile

import pytest

from experiments.archive_kills import library, run
from experiments.archive_kills.states import LibraryState, differences
from imagetagger.preprocess import decode_image
from tests.helpers.pictures import encode, noisy
from tests.helpers.taught import folder

PICTURES = 36


@pytest.fixture
def photographs(tmp_path):
    with zipfile.ZipFile(tmp_path / "photographs.zip", "w") as written:
        for i in range(4):
            written.writestr(f"{i}.jpg", encode(noisy((60 * i, 120, 60), i, (48, 40)), "JPEG"))
    return tmp_path / "photographs.zip"


def test_a_library_is_the_same_every_time_and_no_picture_twice_in_it(photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "LARGE", (400, 300))
    for name in ("a", "b"):
        library.make_library(run.zipped_photographs(photographs, 4), tmp_path / name, 210)
    files = {
        name: {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    }
    pictures = {path: data for path, data in files["a"].items() if path.suffix == ".jpg"}
    assert files["a"] == files["b"]
    assert len({*pictures.values()}) == 210
    assert len(files["a"]) == 210 + 42
    large = [path.name for path, data in pictures.items() if decode_image(data).size == (400, 300)]
    assert sorted(large) == ["00000.jpg", "00100.jpg", "00200.jpg"]


def test_differences_of_states_are_named(tmp_path):
    state = LibraryState({"files": [(1,), (2,)], "claims": []}, {tmp_path / "a": b"a", tmp_path / "b": b"b"})
    other = LibraryState({"files": [(1,)], "claims": [(3,)]}, {tmp_path / "a": b"x"})
    assert differences(state, state) == []
    assert differences(state, other) == ["1 rows of files", "1 rows of claims", "2 sidecars"]


@pytest.mark.slow
def test_the_study_runs(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(library, "LARGE", (400, 300))
    arguments = ["--count", str(PICTURES), "--kills", "2", "--passes", "1"]
    arguments += ["--bundle", str(folder()), "--precision", "0.05"]
    assert run.main([str(photographs), *arguments, "--out", str(tmp_path)]) == 0
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["scenario"] for row in rows] == [
        "once",
        "a second time",
        "after one sidecar was touched",
        "killed and started again",
        "by two processes at once",
    ]
    assert {row["pictures"] for row in rows} == {str(PICTURES)}
    assert {row["different"] for row in rows} == {""}
    assert int(rows[0]["sidecars"]) > PICTURES / 2
    assert all(int(row["embedded"]) - int(row["twice"]) == PICTURES for row in rows)
    assert all(row["twice"] == "0" for row in rows[:3])
    assert "| by two processes at once |" in capsys.readouterr().out
