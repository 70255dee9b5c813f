import functools

import numpy as np
import onnx
import onnxruntime
import pytest

from imagetagger.bundle.executor import (
    Rows,
    embed_image,
    lesson_row,
    load_executor,
    merge_rows,
    score_block,
    split_blocks,
)
from imagetagger.bundle.reader import read_statistics
from imagetagger.convert.onnx import OPSET, to_onnx
from imagetagger.preprocess import preprocess
from tests.helpers.bundles import BLOCK, FEATURES, SIZE, bundle, bundle_files, pictures_of
from tests.helpers.precision import network_rounding
from tests.helpers.small import PICTURES, converted, cosine, embeddings

pytestmark = pytest.mark.slow

ROW = {"count", "mean", "m2"}


@functools.cache
def session(name):
    return onnxruntime.InferenceSession(bundle_files()[f"onnx/{name}.onnx"])


@functools.cache
def executor():
    return load_executor(bundle_files()["model.tflite"], bundle().manifest)


def run(name, **inputs):
    names = [output.name for output in session(name).get_outputs()]
    return dict(zip(names, session(name).run(None, inputs), strict=True))


def crops():
    split = pictures_of(1, seed=700)
    return [preprocess(split.read(i), SIZE) for i in range(4)]


def tensors(values):
    return {value.name: (tuple(value.shape), value.type) for value in values}


def test_inputs_and_outputs_have_the_names_of_the_signatures_and_a_new_row_has_its_prefix():
    shapes = {
        "count": ((BLOCK,), "tensor(float)"),
        **dict.fromkeys(["mean", "m2"], ((BLOCK, FEATURES), "tensor(float)")),
    }
    one = {name: ((1, *shape[1:]), kind) for name, (shape, kind) in shapes.items()}
    embedding = {"embedding": ((1, FEATURES), "tensor(float)")}
    assert tensors(session("embed").get_inputs()) == {"image": ((1, SIZE, SIZE, 3), "tensor(uint8)")}
    assert tensors(session("embed").get_outputs()) == embedding
    assert tensors(session("score").get_inputs()) == embedding | shapes
    assert tensors(session("score").get_outputs()) == {"log_joint": ((BLOCK,), "tensor(float)")}
    assert tensors(session("merge").get_inputs()) == one | {f"other_{name}": value for name, value in one.items()}
    assert tensors(session("merge").get_outputs()) == {f"new_{name}": value for name, value in one.items()}


def test_embed_is_that_of_litert():
    for crop in crops():
        got = run("embed", image=crop[None])["embedding"][0]
        np.testing.assert_allclose(got, embed_image(executor(), crop), rtol=1e-4, atol=1e-4)


def test_score_is_that_of_litert_on_the_statistics_beside_it():
    rows, _ = read_statistics(
        bundle_files()["onnx/statistics.safetensors"], bundle().manifest, bundle().labels, "onnx/statistics.safetensors"
    )
    (block,) = split_blocks(rows, BLOCK)
    empty = split_blocks(lesson_row(np.ones(FEATURES, np.float32), 0.0), BLOCK)[0]
    for crop in crops():
        embedding = embed_image(executor(), crop)
        got, expected = (
            run("score", embedding=embedding[None], **block._asdict())["log_joint"],
            score_block(executor(), embedding, block),
        )
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        assert (run("score", embedding=embedding[None], **empty._asdict())["log_joint"] == -np.inf).all()


@pytest.mark.parametrize("weight", [1.0, -1.0])
@pytest.mark.parametrize("count", [0, 1, 8])
def test_merge_is_that_of_litert(count, weight):
    row = Rows(*(part[:1] * (count > 0) for part in bundle().rows))
    if count == 1:
        row = lesson_row(embed_image(executor(), crops()[1]))
    picture = lesson_row(embed_image(executor(), crops()[0]), weight)
    got = run("merge", **row._asdict(), **{f"other_{name}": value for name, value in picture._asdict().items()})
    for name, expected in merge_rows(executor(), row, picture)._asdict().items():
        np.testing.assert_allclose(got[f"new_{name}"], expected, rtol=1e-4, atol=1e-4)


def test_models_state_their_opset_and_nothing_about_the_machine_that_made_them():
    for name in ("embed", "score", "merge"):
        model = onnx.load_from_string(bundle_files()[f"onnx/{name}.onnx"])
        assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [OPSET]
        assert not model.doc_string
        assert b"/tmp" not in model.SerializeToString()


@pytest.mark.slow
def test_a_network_embeds_in_onnx_as_in_litert():
    float32 = converted("float32")
    network = onnxruntime.InferenceSession(to_onnx(float32))
    got = np.concatenate([network.run(None, {"image": picture[None]})[0] for picture in PICTURES])
    assert cosine(got, embeddings(float32)).min() > 0.999999
    np.testing.assert_allclose(got, embeddings(float32), rtol=0, atol=network_rounding(got.max()))
