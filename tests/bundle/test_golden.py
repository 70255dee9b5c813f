"""Golden vectors: whatever a bundle computes otherwise than where it was made is found and named."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from tests.helpers.bundles import bundle_files
from tests.helpers.sealing import put, with_statistics

FAST = "export.onnx=false"
VECTORS, ROWS = "golden/golden.safetensors", "statistics.safetensors"


def answers(edit) -> dict[str, bytes]:
    """golden.json, edited."""
    content = json.loads(bundle_files(FAST)["golden/golden.json"])
    edited = edit(content)
    return {"golden/golden.json": json.dumps(content if edited is None else edited).encode()}


def vectors(**changes) -> dict[str, bytes]:
    tensors = load_tensors(bundle_files(FAST)[VECTORS])
    changed = {key: change(tensors[key]) for key, change in changes.items() if change is not None}
    return {VECTORS: save_tensors({key: np.ascontiguousarray(v) for key, v in {**tensors, **changed}.items()})}


def raised(index, by):
    def change(tensor):
        tensor = tensor.copy()
        tensor[index] += by
        return tensor

    return change


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
    assert "golden.json: pictures" in message


def test_another_crop_digest_is_refused_and_its_picture_named(refused):
    for digest, part in (
        ("0" * 64, "golden/3.png: the picture is decoded"),
        (None, "pictures[3].crop_sha256: got None"),
    ):
        assert part in refused(answers(lambda content, d=digest: put(content, "pictures/3/crop_sha256", d)))


@pytest.mark.parametrize(
    ("tags", "part"),
    [
        ([], "golden/1.png: the tags are"),
        ([{"row": 0, "probability": 1.0}], "golden/1.png: the tags are"),
        (None, "pictures[1].tags: got None, expected `array`"),
        ([{"row": True, "probability": 1.0}], "pictures[1].tags[0].row: got True, expected `int`"),
        ([["x" * 1000] * 1000], "pictures[1].tags[0]: got ['xxx"),
    ],
)
def test_other_tags_are_refused_and_their_picture_named(tags, part, refused):
    assert part in refused(answers(lambda content: put(content, "pictures/1/tags", tags)))


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
    assert "golden.safetensors is not a" in refused({VECTORS: b""})


def test_other_statistics_are_refused_by_the_golden_scores(refused):
    tensors = load_tensors(bundle_files(FAST)[ROWS])
    tensors["mean"] = np.roll(tensors["mean"], 1, axis=0)
    assert "golden/0.png: score differs" in refused(with_statistics(bundle_files(FAST), **tensors))


def test_statistics_so_large_that_scores_overflow_are_refused(refused):
    tensors = {key: np.full_like(value, 3e38) for key, value in load_tensors(bundle_files(FAST)[ROWS]).items()}
    assert "count of the tag 'blue' is 3e+38" in refused(with_statistics(bundle_files(FAST), **tensors))
