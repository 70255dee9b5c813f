import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from small import PICTURES, converted, runner

from imagetagger.export.join import join
from imagetagger.export.tflite import to_tflite

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


def call(model, signature, **inputs):
    return {name: value.copy() for name, value in runner(model, signature)(**inputs).items()}


def vector(seed):
    return np.random.default_rng(seed).normal(size=(1, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_joined_signatures_compute_bit_for_bit_what_they_did_alone(order):
    alone = [linear("one"), linear("two", 1), linear("three", 2, 7)]
    joined = join([alone[i] for i in order])
    assert set(Interpreter(model_content=joined).get_signature_list()) == {"one", "two", "three"}
    for seed in range(3):
        for name, model in zip(("one", "two", "three"), alone, strict=True):
            got, expected = (call(content, name, x=vector(seed)) for content in (joined, model))
            assert set(got) == set(expected) == {"y", "p"}
            for key in got:
                np.testing.assert_array_equal(got[key], expected[key])


@pytest.mark.parametrize("variant", ["int8", "float16"])
def test_a_network_joined_with_a_float_model_embeds_bit_for_bit_as_alone(variant):
    network = converted(variant).read_bytes()
    joined = join([network, linear("one")])
    for picture in PICTURES[:4]:
        got, expected = (call(model, "embed", image=picture[None])["embedding"] for model in (joined, network))
        np.testing.assert_array_equal(got, expected)
        scored, alone = (call(model, "one", x=got)["y"] for model in (joined, linear("one")))
        np.testing.assert_array_equal(scored, alone)
    quantization = [runner(model).get_input_details()["image"]["quantization"] for model in (joined, network)]
    assert quantization[0] == quantization[1]


def test_two_signatures_of_one_name_are_refused_and_named():
    with pytest.raises(ValueError, match=r"got signatures \['one', 'two', 'one'\]: expected different names"):
        join([linear("one"), linear("two", 1), linear("one", 2)])


def test_one_model_alone_stays_what_it_is():
    got, expected = (call(model, "one", x=vector(0))["p"] for model in (join([linear("one")]), linear("one")))
    np.testing.assert_array_equal(got, expected)


def test_the_bytes_of_every_tensor_lie_on_16_byte_boundaries():
    joined = join([converted("int8").read_bytes(), linear("one"), linear("two", 1)])
    model = schema.Model.GetRootAs(joined, 0)
    assert schema.Model.ModelBufferHasIdentifier(joined, 0)
    starts = []
    for i in range(model.BuffersLength()):
        table = model.Buffers(i)._tab
        if offset := table.Offset(4):  # field 0 of a Buffer: its data
            starts.append(table.Vector(offset))
    assert len(starts) > 100
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_joining_twice_gives_the_same_bytes():
    assert join([linear("one"), linear("two", 1)]) == join([linear("one"), linear("two", 1)])
