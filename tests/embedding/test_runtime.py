import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from imagetagger.backbones.model import Backbone, forward, space_digest
from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weights import TORCHVISION
from imagetagger.convert.quantize import convert_cached, embedding_space
from imagetagger.convert.tflite import to_tflite
from imagetagger.embedding.runtime import in_order, make_runtime
from imagetagger.preprocess import BadImageError
from tests.helpers.pictures import COLOURS, noisy
from tests.helpers.precision import network_rounding
from tests.helpers.small import cosine

pytestmark = pytest.mark.slow

SIZE = 64


@functools.cache
def small(**options) -> Backbone:
    return load_backbone("mobilenet_v2", width=0.35, resolution=SIZE, weights="random", cache=Path(), **options)


@functools.cache
def image(i: int) -> np.ndarray:
    return np.asarray(noisy(list(COLOURS.values())[i % 3], i, (SIZE, SIZE)))


def load(i: int) -> np.ndarray:
    if i < 0:
        raise BadImageError(f"number {i}")
    return image(i)


@functools.cache
def direct(count: int) -> np.ndarray:
    """The embeddings without any runtime."""
    return np.asarray(jax.jit(functools.partial(forward, small()))(np.stack([image(i) for i in range(count)])))


def embed(runtime, indices) -> list:
    return list(runtime.run(load, indices))


def test_pictures_of_the_tests_are_far_apart():
    x = direct(12)
    for i in range(12):
        assert cosine(x[i : i + 1], np.delete(x, i, 0)).max() < 0.999


@pytest.mark.parametrize("runtime", ["litert", "jax"])
def test_a_runtime_embeds_as_the_network_does(runtime, cache):
    got = np.stack(embed(make_runtime(small(), SIZE, cache, runtime=runtime, batch_size=4), range(12)))
    assert (got.shape, got.dtype) == ((12, 1280), np.float32)
    assert cosine(got, direct(12)).min() >= 0.99999
    np.testing.assert_allclose(got, direct(12), rtol=0, atol=network_rounding(direct(12).max()))


def test_litert_and_jax_agree_with_symmetric_padding_too(cache):
    backbone = small(padding="symmetric", activation="relu")
    a, b = (
        np.stack(embed(make_runtime(backbone, SIZE, cache, runtime=name, batch_size=2), range(3)))
        for name in ("litert", "jax")
    )
    assert cosine(a, b).min() >= 0.99999


def test_two_devices_share_a_batch_and_give_what_one_gives(cache, monkeypatch):
    devices = jax.local_devices()
    assert len(devices) == 2
    placed, device_put = [], jax.device_put
    monkeypatch.setattr(jax, "device_put", lambda x, where: placed.append(device_put(x, where)) or placed[-1])
    two = np.stack(embed(make_runtime(small(), SIZE, cache, runtime="jax", batch_size=4), range(6)))
    batches = [x for x in placed if isinstance(x, jax.Array)]
    assert len(batches) == 2
    assert all([shard.data.shape[0] for shard in batch.addressable_shards] == [2, 2] for batch in batches)
    monkeypatch.setattr(jax, "local_devices", lambda: devices[:1])
    one = np.stack(embed(make_runtime(small(), SIZE, cache, runtime="jax", batch_size=4), range(6)))
    np.testing.assert_allclose(two, one, rtol=0, atol=network_rounding(one.max()))


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7])
def test_the_size_and_padding_of_a_batch_change_nothing(batch_size, cache):
    got = np.stack(embed(make_runtime(small(), SIZE, cache, runtime="jax", batch_size=batch_size), range(7)))
    np.testing.assert_allclose(got, direct(7), rtol=0, atol=network_rounding(direct(7).max()))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("runtime", ["litert", "jax"])
def test_results_keep_the_order_with_bad_pictures_in_their_places(runtime, workers, cache):
    order = [5, -1, 0, 3, 3, -2, -3, -4, -5, 1, -6]
    runtime = make_runtime(small(), SIZE, cache, runtime=runtime, batch_size=4, workers=workers)
    for i, result in zip(order, embed(runtime, order), strict=True):
        if i < 0:
            assert isinstance(result, BadImageError)
            assert str(result) == f"number {i}"
        else:
            np.testing.assert_allclose(result, direct(12)[i], rtol=0, atol=network_rounding(direct(12).max()))
    assert embed(runtime, []) == []


@pytest.mark.parametrize("runtime", ["litert", "jax"])
def test_results_do_not_share_memory_with_the_next_ones(runtime, cache):
    runtime = make_runtime(small(), SIZE, cache, runtime=runtime, batch_size=2, workers=1)
    results = runtime.run(load, [0, 1, 2, 3])
    first = next(results)
    copy = first.copy()
    list(results)
    np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize("runtime", ["litert", "jax"])
def test_an_error_other_than_a_bad_picture_is_not_swallowed(runtime, cache):
    def broken(_):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(make_runtime(small(), SIZE, cache, runtime=runtime, batch_size=2).run(broken, [0, 1]))


def test_bfloat16_is_close_and_another_space(cache):
    rough = make_runtime(small(dtype="bfloat16"), SIZE, cache, batch_size=4)
    exact = make_runtime(small(), SIZE, cache, runtime="jax", batch_size=4)
    got = np.stack(embed(rough, range(6)))
    assert got.dtype == np.float32
    assert cosine(got, direct(6)).min() > 0.99
    assert np.abs(got - direct(6)).max() > 1e-4
    assert rough.space != exact.space


def test_litert_refuses_bfloat16_by_that_argument(cache):
    with pytest.raises(ValueError, match="got dtype=bfloat16 with runtime=litert, expected float32, or runtime=jax"):
        make_runtime(small(dtype="bfloat16"), SIZE, cache, runtime="litert")


def test_an_unknown_runtime_is_refused_by_name(cache):
    with pytest.raises(ValueError, match=r"got runtime=tpu, expected auto, jax or litert"):
        make_runtime(small(), SIZE, cache, runtime="tpu")


def test_auto_is_litert_on_a_cpu_and_jax_for_bfloat16_or_on_a_gpu(cache, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert make_runtime(small(), SIZE, cache).name == "litert"
    assert make_runtime(small(dtype="bfloat16"), SIZE, cache).name == "jax"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert make_runtime(small(), SIZE, cache).name == "jax"


@pytest.mark.parametrize("runtime", ["litert", "jax"])
def test_the_raw_rate_counts_images_a_second(runtime, cache):
    made = make_runtime(small(), SIZE, cache, runtime=runtime, batch_size=4)
    assert 1 < made.raw_rate(0.1) < 1e6
    assert (made.model_bytes is None) == (runtime == "jax")


def test_everything_that_changes_embeddings_changes_the_space():
    changed = [
        (small(), SIZE, "litert", "float32"),
        (small(), SIZE, "jax", "float32"),
        (small(), SIZE, "jax", "bfloat16"),
        (small(), 96, "litert", "float32"),
        (small(seed=1), SIZE, "litert", "float32"),
        (small(padding="symmetric"), SIZE, "litert", "float32"),
        (small(activation="relu"), SIZE, "litert", "float32"),
        (small()._replace(normalisation=TORCHVISION.normalisation), SIZE, "litert", "float32"),
    ]
    spaces = {space_digest(*settings) for settings in changed}
    assert len(spaces) == len(changed)
    assert space_digest(small()._replace(weights="a copy elsewhere"), *changed[0][1:]) in spaces


@pytest.fixture(scope="module")
def model(cache) -> bytes:
    return convert_cached(small(), SIZE, cache)


def test_a_model_is_converted_once(model, cache, monkeypatch):
    monkeypatch.setattr("imagetagger.convert.quantize.to_tflite", None)
    assert make_runtime(small(), SIZE, cache, runtime="litert").model_bytes == len(model)
    with pytest.raises(TypeError):
        make_runtime(small(seed=3), SIZE, cache, runtime="litert")


def test_the_space_of_litert_is_that_of_the_very_model(model, cache):
    made = make_runtime(small(), SIZE, cache, runtime="litert")
    assert made.space == embedding_space(model)
    assert made.space != embedding_space(model + b"\0")
    assert made.space != make_runtime(small(), SIZE, cache, runtime="jax", batch_size=2).space


def test_the_model_has_builtin_operators_only(model):
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    codes = {max(code.builtinCode, code.deprecatedBuiltinCode) for code in parsed.operatorCodes}
    operators = schema.BuiltinOperator
    assert {operators.CONV_2D, operators.DEPTHWISE_CONV_2D} <= codes
    assert not {operators.CUSTOM, operators.DELEGATE, operators.VAR_HANDLE} & codes
    assert not [code.customCode for code in parsed.operatorCodes if code.customCode]


def test_the_models_signature_takes_bytes_and_names_its_output(model):
    interpreter = Interpreter(model_content=model)
    assert interpreter.get_signature_list() == {"embed": {"inputs": ["image"], "outputs": ["embedding"]}}
    runner = interpreter.get_signature_runner("embed")
    image, embedding = runner.get_input_details()["image"], runner.get_output_details()["embedding"]
    assert (image["shape"].tolist(), image["dtype"]) == ([1, SIZE, SIZE, 3], np.uint8)
    assert (embedding["shape"].tolist(), embedding["dtype"]) == ([1, 1280], np.float32)


def test_normalisation_is_inside_the_model(cache):
    backbone = small()._replace(normalisation=TORCHVISION.normalisation)
    (got,) = embed(make_runtime(backbone, SIZE, cache, runtime="litert"), [0])
    expected = np.asarray(forward(backbone, image(0)[None]))[0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=network_rounding(expected.max()))
    assert np.abs(got - direct(1)[0]).max() > 0.1


def test_one_file_holds_several_signatures_of_named_arguments():
    vector, number = jax.ShapeDtypeStruct((3,), np.float32), jax.ShapeDtypeStruct((), np.float32)
    content = to_tflite(
        {
            "scale": (lambda x, factor: {"scaled": x * factor}, {"x": vector, "factor": number}),
            "ends": (lambda x: {"low": x.min(), "high": x.max()}, {"x": vector}),
        }
    )
    interpreter = Interpreter(model_content=content)
    x = np.array([1, 5, 3], np.float32)
    got = interpreter.get_signature_runner("scale")(x=x, factor=np.float32(2))
    np.testing.assert_array_equal(got["scaled"], 2 * x)
    ends = interpreter.get_signature_runner("ends")(x=x)
    assert (ends["low"], ends["high"]) == (1, 5)


def test_no_more_than_the_prefetch_is_started_ahead():
    started = []
    with ThreadPoolExecutor(2) as pool:
        stream = in_order(pool, lambda i: started.append(i) or i, range(100), 5)
        assert next(stream) == 0
        assert len(started) <= 6
        assert list(stream) == list(range(1, 100))
