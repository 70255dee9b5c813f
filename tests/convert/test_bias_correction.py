import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from imagetagger.backbones.inverted_residual import unit_names
from imagetagger.backbones.model import from_params, normalise, to_params
from imagetagger.convert import bias_correction
from imagetagger.convert.bias_correction import correct_biases, input_means, round_to_int8
from tests.helpers.precision import rounding
from tests.helpers.small import CALIBRATION, PICTURES, backbone

pytestmark = pytest.mark.slow


def rounded(network):
    """A backbone with its weights as int8 stores them, its biases as they are."""
    units = [(round_to_int8(kernel), bias) for kernel, bias in from_params(network.params, network.net)]
    return network._replace(params=to_params(units, network.net))


@jax.jit
def means_of_outputs(params, images):
    """Means of each convolution's output by channel, before its activation, by the name of the convolution."""
    means = {}

    def record(call, args, kwargs, context):
        output = call(*args, **kwargs)
        if isinstance(context.module, nn.Conv):
            means["/".join(context.module.path[:-1])] = jnp.mean(output, (0, 1, 2))
        return output

    with nn.intercept_methods(record):
        backbone().net.apply({"params": params}, normalise(backbone(), images))
    return means


def errors(network, pictures):
    """Distance of the means of a backbone's layers from those in float, by layer."""
    got, exact = (means_of_outputs(params, np.stack(pictures)) for params in (network.params, backbone().params))
    return {name: float(jnp.linalg.norm(got[name] - mean)) for name, mean in exact.items()}


@functools.cache
def means_of_inputs():
    compute = jax.jit(functools.partial(input_means, backbone()))
    return [compute(picture[None]) for picture in CALIBRATION]


@functools.cache
def corrected():
    return correct_biases(backbone(), CALIBRATION)


@pytest.mark.slow
@pytest.mark.parametrize("pictures", [CALIBRATION, PICTURES[:4]], ids=["calibration pictures", "others"])
def test_correction_brings_the_means_of_nearly_every_layers_output_nearer_to_float(pictures):
    before, after = errors(rounded(backbone()), pictures), errors(rounded(corrected()), pictures)
    assert set(before) == set(unit_names(backbone().net))
    assert np.mean([after[name] < before[name] for name in before]) > 0.9
    assert after["stem"] < 0.5 * before["stem"]  # the rest is due to borders, which a mean over the picture ignores
    assert after["head"] < before["head"]


def test_given_the_inputs_of_float_the_means_of_a_layers_output_are_restored():
    means = {name: np.mean([network[name] for network in means_of_inputs()], 0) for name in means_of_inputs()[0]}
    units = [from_params(network.params, network.net) for network in (backbone(), corrected())]
    for name, (kernel, bias), (_, better) in zip(unit_names(backbone().net), *units, strict=True):
        depthwise = name.endswith("depthwise")
        exact, coarse = ((k[:, :, 0] if depthwise else k).sum((0, 1)) for k in (kernel, round_to_int8(kernel)))
        through = (lambda k, x=means[name]: x * k) if depthwise else (lambda k, x=means[name]: x @ k)
        np.testing.assert_allclose(through(coarse) + better, through(exact) + bias, rtol=1e-3, atol=1e-4)


def test_means_of_inputs_are_taken_of_every_convolution_over_places():
    assert set(means_of_inputs()[0]) == set(unit_names(backbone().net))
    for means, picture in zip(means_of_inputs(), CALIBRATION, strict=True):
        stem = np.asarray(normalise(backbone(), picture[None])).mean((0, 1, 2))
        np.testing.assert_allclose(means["stem"], stem, rtol=0, atol=rounding(picture.size // 3))
        assert all((np.asarray(means[f"block_{i}/project"]) >= 0).all() for i in range(17))  # after a ReLU


def test_weights_on_the_int8_grid_need_no_correction():
    on_grid = rounded(backbone())
    again = correct_biases(on_grid, CALIBRATION[:1])
    for (kernel, bias), (_, other) in zip(
        from_params(on_grid.params, on_grid.net), from_params(again.params, again.net), strict=True
    ):
        terms, largest_input = kernel[..., 0].size, 6
        np.testing.assert_allclose(other, bias, rtol=0, atol=rounding(terms, largest_input * np.abs(kernel).max()))


def test_kernels_are_left_as_they_are():
    for (kernel, bias), (same, other) in zip(
        *(from_params(network.params, network.net) for network in (backbone(), corrected())), strict=True
    ):
        np.testing.assert_array_equal(kernel, same)
        assert bias.shape == other.shape
        assert bias.dtype == other.dtype == np.float32


def test_only_the_first_pictures_are_measured(monkeypatch):
    monkeypatch.setattr(bias_correction, "BATCH_PICTURES", 1)
    first, several = (correct_biases(backbone(), pictures) for pictures in (CALIBRATION[:1], CALIBRATION))
    for a, b in zip(jax.tree.leaves(first.params), jax.tree.leaves(several.params), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(3, 3, 3, 16), (3, 3, 1, 24), (1, 1, 8, 4)])
def test_rounding_has_at_most_255_levels_a_channel_and_errs_by_half_a_step(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.logspace(-3, 3, shape[-1])
    got = round_to_int8(kernel)
    step = np.abs(kernel).max((0, 1, 2)) / 127
    levels = got / step
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    assert np.abs(levels).max() == pytest.approx(127)
    assert (np.abs(got - kernel) <= step * 0.5001).all()
    np.testing.assert_allclose(round_to_int8(got), got, rtol=1e-6)


def test_a_channel_without_weights_stays_so():
    assert (round_to_int8(np.zeros((1, 1, 4, 2), np.float32)) == 0).all()
