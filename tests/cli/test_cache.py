import json
from pathlib import Path

import pytest

from tests.system.test_cache_folder import OTHERS, OURS, leave, names

KEPT = ("trainings", "downloads")


@pytest.fixture
def filled(tmp_path, monkeypatch) -> Path:
    """A cache with a file of each place and name, and others."""
    folder = tmp_path / "cache"
    leave(folder, [*OURS, *OTHERS], size=1500)
    monkeypatch.setenv("IMAGETAGGER_CACHE", str(folder))
    monkeypatch.delenv("IMAGETAGGER_CACHE_LIMIT", raising=False)
    return folder


@pytest.mark.parametrize("command", [("cache",), ("cache", "info")])
def test_the_cache_is_shown_by_kind(command, call, filled):
    code, out, err = call(*command)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        str(filled),
        "embeddings     3.0 kB  2 files",
        "activations    1.5 kB  1 file",
        "models         4.5 kB  3 files",
        "ids            3.0 kB  2 files",
        "trainings      3.0 kB  2 files",
        "downloads      4.5 kB  3 files",
        "12.0 kB of embeddings, activations, models and ids; runs keep the most recent 20.0 GB "
        "(IMAGETAGGER_CACHE_LIMIT, in GB)",
    ]


def test_the_cache_in_json(call, filled, monkeypatch):
    monkeypatch.setenv("IMAGETAGGER_CACHE_LIMIT", "3")
    code, out, _ = call("cache", "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["path"], shown["limit_bytes"]) == (str(filled), 3e9)
    assert shown["kinds"]["models"] == {"files": 3, "bytes": 4500}


def test_clear_deletes_what_runs_compute_again(call, filled):
    assert call("cache", "clear") == (0, f"{filled}: deleted 8 files, 12.0 kB\n", "")
    assert names(filled) == {*OTHERS, *(name for name, kind in OURS.items() if kind in KEPT)}
    assert call("cache", "clear") == (0, f"{filled}: deleted 0 files, 0 B\n", "")


def test_clear_deletes_the_kinds_that_are_named(call, filled):
    code, out, _ = call("cache", "clear", "models", "downloads", "--json")
    assert code == 0
    assert json.loads(out)["kinds"]["models"] == {"files": 3, "bytes": 4500}
    assert names(filled) == {*OTHERS, *(name for name, kind in OURS.items() if kind not in ("models", "downloads"))}


def test_another_cache_can_be_named(call, filled, tmp_path):
    leave(tmp_path / "other", list(OURS)[:1])
    for command in (("cache", "--cache", tmp_path / "other", "clear"), ("cache", "clear", "--cache", filled)):
        assert call(*command)[0] == 0
    assert not names(tmp_path / "other")


def test_a_file_that_cannot_be_deleted_is_named(call, filled, monkeypatch):
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.suffix == ".tflite":
            raise PermissionError("Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    code, out, err = call("cache", "clear")
    assert (code, out) == (1, f"{filled}: deleted 5 files, 7.5 kB\n")
    assert err.count("cannot be deleted") == 3


def test_a_kind_that_does_not_exist_is_refused(call, filled):
    code, _, err = call("cache", "clear", "everything")
    assert code == 2
    assert "got everything, expected one of embeddings, activations, models, ids, trainings, downloads" in err
    assert names(filled) == {*OURS, *OTHERS}


def test_a_limit_that_makes_no_sense_is_said(call, filled, monkeypatch):
    monkeypatch.setenv("IMAGETAGGER_CACHE_LIMIT", "all of it")
    code, _, err = call("cache")
    assert code == 1
    assert "expected a number of gigabytes" in err
