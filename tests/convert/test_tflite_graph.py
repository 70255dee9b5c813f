import functools

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from imagetagger.convert.onnx import to_onnx
from imagetagger.convert.tflite import to_tflite
from imagetagger.convert.tflite_graph import combine, compose
from tests.helpers.small import PICTURES, converted, runner

pytestmark = pytest.mark.slow

FEATURES = 1280


@functools.cache
def linear(name, seed=0, outputs=5):
    """A float model of constants: x @ matrix + bias, and the softmax of it."""
    matrix, bias = (
        jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)
        for shape in ((FEATURES, outputs), outputs)
    )

    def compute(x):
        y = x @ matrix + bias
        return {"y": y, "p": jax.nn.softmax(y)}

    return to_tflite({name: (compute, {"x": jax.ShapeDtypeStruct((1, FEATURES), np.float32)})})


@functools.cache
def tail(shape=(1, FEATURES), outputs=3, name="tail", dtype="float32"):
    """A model to follow another: (x @ matrix)^2 less its mean, with constants of several shapes and a reduction."""
    matrix = jnp.asarray(np.random.default_rng(9).normal(size=(shape[1], outputs)), jnp.float32)

    def compute(embedding):
        y = jnp.square(embedding.astype(jnp.float32) @ matrix)
        return {"embedding": y - y.mean(1, keepdims=True)}

    return to_tflite({name: (compute, {"embedding": jax.ShapeDtypeStruct(shape, np.dtype(dtype))})})


@functools.cache
def two_in_two_out():
    def compute(x, y):
        return {"sum": x + y, "difference": x - y}

    shape = jax.ShapeDtypeStruct((1, FEATURES), np.float32)
    return to_tflite({"both": (compute, {"x": shape, "y": shape})})


def call(model, signature, **inputs):
    return {name: value.copy() for name, value in runner(model, signature)(**inputs).items()}


def vector(seed):
    return np.random.default_rng(seed).normal(size=(1, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_combined_signatures_compute_bit_for_bit_what_they_did_alone(order):
    alone = [linear("one"), linear("two", 1), linear("three", 2, 7)]
    combined = combine([alone[i] for i in order])
    assert set(Interpreter(model_content=combined).get_signature_list()) == {"one", "two", "three"}
    for seed in range(3):
        for name, model in zip(("one", "two", "three"), alone, strict=True):
            got, expected = (call(content, name, x=vector(seed)) for content in (combined, model))
            assert set(got) == set(expected) == {"y", "p"}
            for key in got:
                np.testing.assert_array_equal(got[key], expected[key])


@pytest.mark.parametrize("variant", ["int8", "float16"])
def test_a_network_combined_with_a_float_model_embeds_bit_for_bit_as_alone(variant):
    network = converted(variant)
    combined = combine([network, linear("one")])
    for picture in PICTURES[:4]:
        got, expected = (call(model, "embed", image=picture[None])["embedding"] for model in (combined, network))
        np.testing.assert_array_equal(got, expected)
        scored, alone = (call(model, "one", x=got)["y"] for model in (combined, linear("one")))
        np.testing.assert_array_equal(scored, alone)
    quantization = [runner(model).get_input_details()["image"]["quantization"] for model in (combined, network)]
    assert quantization[0] == quantization[1]


def test_two_signatures_of_one_name_are_refused_and_named():
    with pytest.raises(ValueError, match=r"got signatures \['one', 'two', 'one'\]: expected different names"):
        combine([linear("one"), linear("two", 1), linear("one", 2)])


def test_one_model_alone_computes_the_same():
    got, expected = (call(model, "one", x=vector(0))["p"] for model in (combine([linear("one")]), linear("one")))
    np.testing.assert_array_equal(got, expected)


def test_the_bytes_of_every_tensor_are_on_16_byte_boundaries():
    combined = combine([converted("int8"), linear("one"), linear("two", 1)])
    model = schema.Model.GetRootAs(combined, 0)
    assert schema.Model.ModelBufferHasIdentifier(combined, 0)
    starts = []
    for i in range(model.BuffersLength()):
        table = model.Buffers(i)._tab
        if offset := table.Offset(4):  # field 0 of a Buffer: its data
            starts.append(table.Vector(offset))
    assert len(starts) > 100
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_combining_twice_gives_the_same_bytes():
    assert combine([linear("one"), linear("two", 1)]) == combine([linear("one"), linear("two", 1)])


def signature_of(model, name):
    run = runner(model, name)
    return [
        {key: (tuple(d["shape"]), d["dtype"]) for key, d in details.items()}
        for details in (run.get_input_details(), run.get_output_details())
    ]


@pytest.mark.parametrize("variant", ["float32", "float16", "int8"])
def test_a_network_composed_with_a_tail_gives_bit_for_bit_what_both_give_in_turn(variant):
    network = converted(variant)
    composed = compose(network, tail())
    assert Interpreter(model_content=composed).get_signature_list() == {
        "embed": {"inputs": ["image"], "outputs": ["embedding"]}
    }
    assert signature_of(composed, "embed") == [
        signature_of(network, "embed")[0],
        {"embedding": ((1, 3), np.float32)},
    ]
    for picture in PICTURES[:4]:
        between = call(network, "embed", image=picture[None])["embedding"]
        expected = call(tail(), "tail", embedding=between)["embedding"]
        np.testing.assert_array_equal(call(composed, "embed", image=picture[None])["embedding"], expected)
    quantization = [runner(model).get_input_details()["image"]["quantization"] for model in (composed, network)]
    assert quantization[0] == quantization[1]


def test_a_composed_model_can_be_composed_again():
    composed = compose(compose(tail(), tail((1, 3), 4, "second")), tail((1, 4), 2, "third"))
    x = vector(0)
    expected = call(tail(), "tail", embedding=x)["embedding"]
    for shape, outputs, name in (((1, 3), 4, "second"), ((1, 4), 2, "third")):
        expected = call(tail(shape, outputs, name), name, embedding=expected)["embedding"]
    np.testing.assert_array_equal(call(composed, "tail", embedding=x)["embedding"], expected)


def test_a_composed_model_combined_with_others_keeps_all_signatures_and_what_they_compute():
    network = converted("int8")
    composed = compose(network, tail())
    combined = combine([composed, linear("one"), linear("two", 1)])
    assert set(Interpreter(model_content=combined).get_signature_list()) == {"embed", "one", "two"}
    image = PICTURES[0][None]
    got, expected = (call(model, "embed", image=image)["embedding"] for model in (combined, composed))
    np.testing.assert_array_equal(got, expected)
    for name, model in (("one", linear("one")), ("two", linear("two", 1))):
        got, expected = (call(content, name, x=vector(3))["p"] for content in (combined, model))
        np.testing.assert_array_equal(got, expected)


def test_a_composed_model_is_one_onnx_model():
    composed = compose(converted("float32"), tail())
    session = onnxruntime.InferenceSession(to_onnx(composed))
    assert [value.name for value in session.get_inputs()] == ["image"]
    assert [value.name for value in session.get_outputs()] == ["embedding"]
    for picture in PICTURES[:4]:
        got = session.run(None, {"image": picture[None]})[0]
        expected = call(composed, "embed", image=picture[None])["embedding"]
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_composing_twice_gives_the_same_bytes():
    first = converted("float32")
    assert compose(first, tail()) == compose(first, tail())


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (lambda: combine([linear("one"), linear("two", 1)]), tail, "several signatures"),
        (tail, lambda: combine([linear("one"), linear("two", 1)]), "several signatures"),
        (lambda: linear("one"), tail, "several tensors"),
        (tail, two_in_two_out, "several tensors"),
        (tail, lambda: linear("one"), "several tensors"),
        (tail, tail, r"got an output of shape and type .*\[1, 3\].*expected .*\[1, 1280\]"),
        (tail, lambda: tail((1, 3), 3, "integers", "int32"), "got an output of shape and type .*expected"),
    ],
    ids=[
        "signatures before",
        "signatures behind",
        "outputs before",
        "inputs behind",
        "outputs behind",
        "shape",
        "type",
    ],
)
def test_models_that_do_not_fit_behind_each_other_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        compose(first(), second())
