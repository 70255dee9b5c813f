import subprocess
import sys

import numpy as np
import pytest
from msgspec import to_builtins
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger import cli
from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.manifest import model_signatures
from imagetagger.bundle.reader import check_bundle
from imagetagger.bundle.verify import verify_bundle
from tests.helpers.bundles import bundle_files, tiles_model
from tests.helpers.sealing import put, reseal, with_statistics

FAST = "export.onnx=false"
VECTORS, ROWS = "golden/golden.safetensors", "statistics.safetensors"


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_bundle_is_sound_in_a_folder_and_in_a_zip(write, tmp_path):
    write(bundle_files(), tmp_path / "bundle")
    summary = "\n".join(verify_bundle(tmp_path / "bundle"))
    for part in (
        "schema 3, 4 tags, float32, 32 px",
        "16 files",
        "embed, score, merge",
        "4 golden pictures",
        "onnx/: 4",
    ):
        assert part in summary


def test_free_text_may_be_changed_by_who_seals_again(tmp_path):
    edits = {"name": "mine", "metrics": {}, "provenance": {"note": "x"}}
    write_zip(reseal(bundle_files(FAST), {"MODEL_CARD.md": b""}, lambda m: m.update(edits)), tmp_path / "x")
    assert verify_bundle(tmp_path / "x")[0].startswith("mine: ")


def test_a_manifest_value_that_the_golden_vectors_contradict_is_refused(refused):
    assert "0.png: the tags are" in refused(edit=lambda m: put(m, "decision/calibration/temperature", 1e6))


@pytest.mark.slow
def test_a_bundle_made_for_small_pictures_only_can_be_made_and_verified(tmp_path):
    write_zip(bundle_files("data.pixel_limit=5000", FAST), tmp_path / "x")
    assert verify_bundle(tmp_path / "x")


def test_a_model_with_other_signatures_is_refused(refused):
    assert "has the signatures embed, expected embed, merge, score" in refused({"model.tflite": tiles_model()})


@pytest.mark.parametrize("place", ["image/size", "model/features", "model/block"])
def test_a_model_of_other_shapes_than_the_manifest_says_is_refused(place, refused):
    def edit(manifest):
        put(manifest, place, 64)
        sizes = manifest["image"]["size"], manifest["model"]["features"], manifest["model"]["block"]
        manifest["model"]["signatures"] = to_builtins(model_signatures(*sizes))

    wide = with_statistics(bundle_files(FAST), count=np.ones(4), mean=np.ones((4, 64)), m2=np.ones((4, 64)))
    message = refused(wide if place == "model/features" else None, edit)
    assert message.startswith("model.tflite: ")
    assert "64" in message


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(1000), b"\xff" * 1000, b"<!DOCTYPE html>" * 50])
def test_what_is_not_a_model_is_refused(data, refused):
    assert "model.tflite" in refused({"model.tflite": data})


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_model_cut_and_sealed_is_refused(part, refused):
    model = bundle_files(FAST)["model.tflite"]
    assert "model.tflite" in refused({"model.tflite": model[: int(part * len(model))]})


def test_a_model_that_fails_when_it_runs_is_refused(refused, monkeypatch):
    from ai_edge_litert.interpreter import SignatureRunner

    def fail(self, **inputs):
        raise RuntimeError("XNNPack delegate failed to reshape runtime")

    monkeypatch.setattr(SignatureRunner, "__call__", fail)
    assert "model.tflite cannot be loaded: XNNPack" in refused()


@pytest.mark.parametrize(
    "name", ["onnx/embed.onnx", "onnx/score.onnx", "onnx/merge.onnx", "onnx/statistics.safetensors"]
)
def test_damaged_onnx_files_are_refused(name, refused):
    for data in (b"", b"\xff" * 100, bundle_files()[name][: len(bundle_files()[name]) // 2]):
        assert "onnx/" in refused({name: data}, overrides=())
    if name != "onnx/embed.onnx":
        assert f"missing from the bundle: {name}" in refused({name: None}, overrides=())


def test_onnx_models_in_each_others_place_are_refused(refused):
    files = bundle_files()
    assert "onnx/" in refused({"onnx/embed.onnx": files["onnx/score.onnx"]}, overrides=())
    assert "onnx/" in refused({"onnx/score.onnx": files["onnx/merge.onnx"]}, overrides=())


def test_onnx_vectors_that_its_models_do_not_compute_are_refused(refused):
    tensors = load_tensors(bundle_files()["onnx/golden.safetensors"])
    for key, part in (("embeddings", "0.png: the embedding"), ("log_joint", "score"), ("taught_m2", "lesson log: m2")):
        other = save_tensors(tensors | {key: tensors[key][:, ::-1].copy()})
        assert part in refused({"onnx/golden.safetensors": other}, overrides=())


def test_onnx_statistics_of_another_space_or_other_tags_are_refused(refused):
    tensors = load_tensors(bundle_files()["onnx/statistics.safetensors"])
    space = check_bundle(bundle_files()).manifest.onnx.embedding_space
    other = save_tensors(tensors, {"embedding_space": "0" * 64})
    assert "is of the embedding space" in refused({"onnx/statistics.safetensors": other}, overrides=())
    rolled = save_tensors(tensors | {"mean": np.roll(tensors["mean"], 1, 0)}, {"embedding_space": space})
    assert "onnx/: golden/0.png: score differs" in refused({"onnx/statistics.safetensors": rolled}, overrides=())


def test_a_picture_that_golden_json_does_not_list_is_ignored_by_onnx(tmp_path):
    files = reseal(bundle_files(), {"golden/10.png": bundle_files()["golden/0.png"]})
    write_zip(files, tmp_path / "x.zip")
    assert "onnx/: 4 golden pictures" in verify_bundle(tmp_path / "x.zip")[-1]


@pytest.fixture
def sound(tmp_path):
    write_zip(bundle_files(FAST), tmp_path / "sound.zip")
    return tmp_path / "sound.zip"


def damaged(sound):
    sound.write_bytes(sound.read_bytes()[:-100])
    return sound


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["verify", *map(str, arguments)])
    return caught.value.code


def test_verify_prints_what_is_right_and_ends_well(sound, capsys):
    assert run(sound) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == f"{sound}: sound."
    assert "golden pictures" in printed.out
    assert not printed.err


def test_verify_prints_what_is_wrong(sound, capsys):
    assert "is not a .zip file" in run(damaged(sound))
    assert capsys.readouterr().err == f"{sound}: NOT a sound bundle.\n"
    assert "where nothing is" in run(sound.parent / "nothing")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--deep", "a"]])
def test_wrong_arguments_are_explained(arguments, capsys):
    assert run(*arguments) == 2
    assert "usage: " in capsys.readouterr().err


@pytest.mark.slow
def test_the_program_ends_with_0_or_with_1_and_a_message_on_stderr(sound):
    program = ["-W", "error", "-c", "from imagetagger.cli import main; main()"]

    def start():
        return subprocess.run([sys.executable, *program, "verify", sound], capture_output=True, text=True, check=False)

    good = start()
    assert (good.returncode, good.stderr) == (0, "")
    damaged(sound)
    bad = start()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"{sound}: NOT a sound bundle.\n")
    assert "Traceback" not in bad.stderr
