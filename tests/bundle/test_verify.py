import io
import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger import cli
from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.manifest import BundleError, model_signatures
from imagetagger.bundle.reader import check_bundle
from imagetagger.bundle.verify import verify_bundle
from tests.helpers.bundles import bundle_files, tiles_model
from tests.helpers.sealing import put, reseal

FAST = "export.onnx=false"
VECTORS, ROWS = "golden/golden.safetensors", "statistics.safetensors"


@pytest.fixture
def refused(tmp_path):
    """A function that verifies a bundle changed and sealed again, and returns why it was refused."""

    def why(changed=None, edit=lambda manifest: None, overrides=(FAST,)) -> str:
        write_zip(reseal(bundle_files(*overrides), changed, edit), tmp_path / "refused.zip")
        with pytest.raises(BundleError) as caught:
            verify_bundle(tmp_path / "refused.zip")
        message = str(caught.value)
        assert 10 < len(message) < 2000
        assert "\x1b" not in message
        return message

    return why


def answers(edit) -> dict[str, bytes]:
    """golden.json, edited."""
    content = json.loads(bundle_files(FAST)["golden/golden.json"])
    edited = edit(content)
    return {"golden/golden.json": json.dumps(content if edited is None else edited).encode()}


def vectors(**changes) -> dict[str, bytes]:
    tensors = load_tensors(bundle_files(FAST)[VECTORS])
    changed = {key: change(tensors[key]) for key, change in changes.items() if change is not None}
    return {VECTORS: save_tensors({key: np.ascontiguousarray(v) for key, v in {**tensors, **changed}.items()})}


def statistics(**tensors) -> dict[str, bytes]:
    space = json.loads(bundle_files(FAST)["manifest.json"])["embedding_space"]
    rows = {key: np.ascontiguousarray(tensor, np.float32) for key, tensor in tensors.items()}
    return {ROWS: save_tensors(rows, {"embedding_space": space})}


def raised(index, by):
    def change(tensor):
        tensor = tensor.copy()
        tensor[index] += by
        return tensor

    return change


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_bundle_is_sound_in_a_folder_and_in_a_zip(write, tmp_path):
    write(bundle_files(), tmp_path / "bundle")
    found = "\n".join(verify_bundle(tmp_path / "bundle"))
    for said in (
        "schema 2, 4 tags, float32, 32 px",
        "16 files",
        "embed, score, merge",
        "4 golden pictures",
        "onnx/: 4",
    ):
        assert said in found


def test_free_text_may_be_changed_by_who_seals_again(tmp_path):
    edits = {"name": "mine", "metrics": {}, "provenance": {"note": "x"}}
    write_zip(reseal(bundle_files(FAST), {"MODEL_CARD.md": b""}, lambda m: m.update(edits)), tmp_path / "x")
    assert verify_bundle(tmp_path / "x")[0].startswith("mine: ")


def test_a_manifest_value_that_the_golden_vectors_contradict_is_refused(refused):
    assert "0.png: the tags are" in refused(edit=lambda m: put(m, "decision/calibration/temperature", 1e6))


def test_a_bundle_made_for_small_pictures_only_can_be_made_and_verified(tmp_path):
    write_zip(bundle_files("data.pixel_limit=5000", FAST), tmp_path / "x")
    assert verify_bundle(tmp_path / "x")


def test_a_model_with_other_signatures_is_refused(refused):
    assert "has the signatures embed, expected embed, merge, score" in refused(
        {"model.tflite": tiles_model().read_bytes()}
    )


@pytest.mark.parametrize("place", ["image/size", "model/features", "model/block"])
def test_a_model_of_other_shapes_than_the_manifest_says_is_refused(place, refused):
    def edit(manifest):
        put(manifest, place, 64)
        sizes = manifest["image"]["size"], manifest["model"]["features"], manifest["model"]["block"]
        manifest["model"]["signatures"] = {name: asdict(one) for name, one in model_signatures(*sizes).items()}

    wide = statistics(count=np.ones(4), mean=np.ones((4, 64)), m2=np.ones((4, 64)))
    message = refused(wide if place == "model/features" else None, edit)
    assert message.startswith("model.tflite: ")
    assert "64" in message


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(1000), b"\xff" * 1000, b"<!DOCTYPE html>" * 50])
def test_what_is_no_model_is_refused(data, refused):
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


def test_another_picture_is_refused_and_named(refused):
    buffer = io.BytesIO()
    Image.new("RGB", (96, 96), "red").save(buffer, "PNG")
    assert "golden/2.png: the picture is decoded or resized" in refused({"golden/2.png": buffer.getvalue()})


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"\xff" * 100])
def test_a_picture_that_cannot_be_decoded_is_refused_and_named(data, refused):
    assert "golden/1.png cannot be used" in refused({"golden/1.png": data})


def test_a_missing_picture_is_refused_and_named(refused):
    assert "3.png" in refused({"golden/3.png": None})


@pytest.mark.parametrize(
    "name", ["../statistics.safetensors", "/etc/passwd", "golden.json\x1b[2J", "x" * 10_000, "", None, 1]
)
def test_a_picture_of_another_name_is_refused(name, refused):
    message = refused(answers(lambda content: put(content, "pictures/1/file", name)))
    assert "golden.json: pictures: file" in message or "used" in message


def test_another_crop_digest_is_refused_and_its_picture_named(refused):
    for wrong in ("0" * 64, None, 1):
        assert "golden/3.png" in refused(answers(lambda content, w=wrong: put(content, "pictures/3/crop_sha256", w)))


@pytest.mark.parametrize(
    "tags",
    [[], None, "cat", [{"row": 0, "probability": 1.0}], [{"row": True, "probability": 1.0}], [["x" * 1000] * 1000]],
)
def test_other_tags_are_refused_and_their_picture_named(tags, refused):
    assert "golden/1.png: the tags are" in refused(answers(lambda content: put(content, "pictures/1/tags", tags)))


@pytest.mark.parametrize(
    "edit",
    [
        *(lambda content: [], lambda content: {}, lambda content: content | {"x" * 5000: 1}),
        *(lambda content: {"pictures": content["pictures"]}, lambda content: content | {"pictures": []}),
        *(lambda content: content | {"pictures": {}}, lambda content: content | {"pictures": [1]}),
        *(lambda content: content | {"pictures": content["pictures"][:-1]},),
        *(lambda content: content | {"pictures": [*content["pictures"], content["pictures"][0]]},),
    ],
)
def test_golden_answers_of_another_form_are_refused(edit, refused):
    assert "golden" in refused(answers(edit))


@pytest.mark.parametrize(("place", "value"), [("0/row", 1), ("3/weight", 1), ("1/picture", 99), ("0/weight", True)])
def test_another_lesson_log_is_refused(place, value, refused):
    assert "lessons" in refused(answers(lambda content: put(content, f"lessons/{place}", value)))
    assert "lessons" in refused(answers(lambda content: put(content, "lessons", [])))


@pytest.mark.parametrize("by", [np.nan, np.inf, 100.0])
def test_another_golden_embedding_is_refused_and_its_picture_named(by, refused):
    assert "golden/2.png: the embedding has cosine" in refused(vectors(embeddings=raised((2, 5), by)))


@pytest.mark.parametrize("by", [np.nan, np.inf, -np.inf, 1e38, -1e38])
def test_another_golden_score_is_refused_and_its_picture_named(by, refused):
    assert "golden/2.png: " in refused(vectors(log_joint=raised((2, 1), by)))


def test_scores_of_which_none_is_finite_are_refused(refused):
    assert "golden/0.png: no tag has a score" in refused(vectors(log_joint=lambda x: np.full_like(x, -np.inf)))


@pytest.mark.parametrize("key", ["taught_count", "taught_mean", "taught_m2"])
@pytest.mark.parametrize("by", [np.nan, 1e38, 1.0])
def test_another_end_of_the_lesson_log_is_refused_and_its_part_named(key, by, refused):
    assert f"the lesson log: {key.removeprefix('taught_')}" in refused(vectors(**{key: raised(1, by)}))


@pytest.mark.parametrize("key", ["embeddings", "log_joint", "taught_count", "taught_mean", "taught_m2"])
def test_golden_vectors_of_another_shape_or_dtype_are_refused(key, refused):
    for change in (
        *(lambda x: x[:-1], lambda x: np.concatenate([x, x]), lambda x: x[None], lambda x: x.ravel()[0]),
        *(lambda x: x.astype(np.float64), lambda x: np.zeros(x.shape, np.int32), lambda x: x > 0),
    ):
        assert f"golden.safetensors: {key} is" in refused(vectors(**{key: change}))


def test_golden_vectors_too_few_or_too_many_are_refused(refused):
    assert "golden.safetensors holds x, expected" in refused({VECTORS: save_tensors({"x": np.zeros(1)})})
    assert "golden.safetensors is no" in refused({VECTORS: b""})


def test_other_statistics_are_refused_by_the_golden_scores(refused):
    tensors = load_tensors(bundle_files(FAST)[ROWS])
    tensors["mean"] = np.roll(tensors["mean"], 1, axis=0)
    assert "golden/0.png: score differs" in refused(statistics(**tensors))


def test_statistics_so_large_that_scores_overflow_are_refused(refused):
    tensors = load_tensors(bundle_files(FAST)[ROWS])
    assert "golden/0.png" in refused(statistics(**{key: np.full_like(value, 3e38) for key, value in tensors.items()}))


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
    for key, said in (("embeddings", "0.png: the embedding"), ("log_joint", "score"), ("taught_m2", "lesson log: m2")):
        other = save_tensors(tensors | {key: tensors[key][:, ::-1].copy()})
        assert said in refused({"onnx/golden.safetensors": other}, overrides=())


def test_onnx_statistics_of_another_space_or_other_tags_are_refused(refused):
    tensors = load_tensors(bundle_files()["onnx/statistics.safetensors"])
    space = check_bundle(bundle_files()).manifest.onnx.embedding_space
    other = save_tensors(tensors, {"embedding_space": "0" * 64})
    assert "is of the embedding space" in refused({"onnx/statistics.safetensors": other}, overrides=())
    rolled = save_tensors(tensors | {"mean": np.roll(tensors["mean"], 1, 0)}, {"embedding_space": space})
    assert "onnx/: 0.png: score differs" in refused({"onnx/statistics.safetensors": rolled}, overrides=())


def test_a_picture_that_is_none_of_the_golden_ones_is_left_alone_by_onnx(tmp_path):
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


def run(call, arguments):
    with pytest.raises(SystemExit) as caught:
        call(["verify", *map(str, arguments)])
    return caught.value.code


@pytest.mark.parametrize("call", [cli.main, cli.bundle])
def test_verify_prints_what_is_right_and_ends_well(call, sound, capsys):
    assert run(call, [sound]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == f"{sound}: sound."
    assert "golden pictures" in printed.out
    assert not printed.err


@pytest.mark.parametrize("call", [cli.main, cli.bundle])
def test_verify_says_what_is_wrong(call, sound):
    code = run(call, [damaged(sound)])
    assert code.startswith(f"{sound}: NOT a sound bundle.\n")
    assert "is no .zip file" in code
    assert "where nothing is" in run(call, [sound.parent / "nothing"])


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--deep", "a"]])
def test_wrong_arguments_are_explained(arguments, capsys):
    for call in (cli.main, cli.bundle):
        assert run(call, arguments) == 2
        assert "usage: " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("program", [["-m", "imagetagger.bundle"], ["-c", "from imagetagger.cli import main; main()"]])
def test_the_program_ends_with_0_or_with_1_and_a_message_on_stderr(program, sound):
    def start():
        return subprocess.run(
            [sys.executable, "-W", "error", *program, "verify", sound], capture_output=True, text=True, check=False
        )

    good = start()
    assert (good.returncode, good.stderr) == (0, "")
    damaged(sound)
    bad = start()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"{sound}: NOT a sound bundle.\n")
    assert "Traceback" not in bad.stderr
