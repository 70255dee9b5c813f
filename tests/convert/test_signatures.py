import functools

import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from imagetagger.bundle.executor import lesson_row, split_blocks
from imagetagger.bundle.reader import Rows
from imagetagger.classifier.naive_bayes import background_gaussian, finalize, fit_prior, log_joint, row_log_joint
from imagetagger.classifier.scatter import fit_scatter
from imagetagger.classifier.statistics import Statistics, fit_statistics, lesson_statistics, merge_statistics
from imagetagger.classifier.whitening import apply_transform, fit_transform
from imagetagger.convert.signatures import convert_classifier, convert_transform
from tests.helpers.precision import rounding

pytestmark = pytest.mark.slow

FEATURES, BLOCK, CLASSES, VAR_SMOOTHING = 8, 4, 6, 1e-9


@functools.cache
def statistics():
    """Six classes in two blocks of four: the third without pictures, the others with 3 to 40."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 3, 4, 5], [3, 40, 7, 20, 10]).astype(np.int32)
    x = (rng.normal(size=(80, FEATURES)) + 3 * rng.normal(size=(CLASSES, FEATURES))[labels]).astype(np.float32)
    return fit_statistics([(x, labels[:, None])], CLASSES, FEATURES)


def near(scores):
    """Bound the difference of two sums of FEATURES logarithms and squares, a few roundings per term."""
    return rounding(8 * FEATURES, np.abs(scores).max())


@functools.cache
def prior(kappa=5.0, mean_variance_floor=None, isotropic_prior_strength=0.0):
    return fit_prior(statistics(), kappa, VAR_SMOOTHING, mean_variance_floor, isotropic_prior_strength)


@functools.cache
def models(kappa=5.0, class_prior="uniform", mean_variance_floor=None, isotropic_prior_strength=0.0):
    return convert_classifier(prior(kappa, mean_variance_floor, isotropic_prior_strength), class_prior, BLOCK)


def call(model, signature, **inputs):
    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner(signature)
    return {name: value.copy() for name, value in runner(**inputs).items()}


def embeddings(count, seed=1):
    return 3 * np.random.default_rng(seed).normal(size=(count, 1, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("class_prior", ["uniform", "counts"])
@pytest.mark.parametrize("kappa", [0.0, 5.0, np.inf])
def test_score_is_the_log_joint_of_the_evaluated_classifier_up_to_one_constant(kappa, class_prior):
    fitted = finalize(statistics(), prior(kappa), class_prior)
    expected = log_joint(fitted, jnp.asarray(embeddings(5)[:, 0]))
    apart = []
    for embedding, wanted in zip(embeddings(5), np.asarray(expected), strict=True):
        score = functools.partial(call, models(kappa, class_prior)["score"], "score", embedding=embedding)
        rows = split_blocks(Rows(*map(np.asarray, statistics())), BLOCK)
        got = np.concatenate([score(**block._asdict())["log_joint"] for block in rows])
        np.testing.assert_array_equal(np.isfinite(got), [True, True, False, True, True, True, False, False])
        assert (got[[2, 6, 7]] == -np.inf).all()
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(finite, np.isfinite(got[:CLASSES]))
        difference = got[:CLASSES][finite] - wanted[finite]
        squares = np.abs(wanted[finite]).max() * 4  # expanded by log_joint, which lets them cancel
        assert np.ptp(difference) < rounding(3 * FEATURES, squares)
        apart.append(difference.mean())
    constant = np.log(80) if class_prior == "counts" else np.log(5)
    np.testing.assert_allclose(apart, constant, atol=0.02)


def test_a_class_learned_after_the_export_scores_as_if_it_had_been_there():
    x = embeddings(1, seed=3)
    taught = merge_statistics(statistics(), lesson_statistics(jnp.asarray(x[0, 0]), 2, CLASSES))
    wanted = row_log_joint(prior(), jnp.asarray(x[0]), taught)
    rows = split_blocks(Rows(*map(np.asarray, taught)), BLOCK)
    got = [call(models()["score"], "score", embedding=x[0], **block._asdict())["log_joint"] for block in rows]
    np.testing.assert_allclose(np.concatenate(got)[:CLASSES], wanted, rtol=0, atol=near(wanted))
    assert np.isfinite(wanted).all()


@pytest.mark.parametrize("class_prior", ["uniform", "counts"])
@pytest.mark.parametrize(("kappa", "isotropic_prior_strength"), [(0.0, 0.0), (1000.0, 1e4), (np.inf, np.inf)])
def test_with_a_prior_on_means_score_is_that_of_jax_also_for_tags_without_pictures(
    kappa, isotropic_prior_strength, class_prior
):
    with_mean = prior(kappa, 0.06, isotropic_prior_strength)
    score = models(kappa, class_prior, 0.06, isotropic_prior_strength)["score"]
    alone = background_gaussian(with_mean)
    for embedding in embeddings(5):
        rows = split_blocks(Rows(*map(np.asarray, statistics())), BLOCK)
        got = np.concatenate([call(score, "score", embedding=embedding, **b._asdict())["log_joint"] for b in rows])
        wanted = row_log_joint(with_mean, jnp.asarray(embedding), statistics(), class_prior)
        np.testing.assert_allclose(got[:CLASSES], wanted, rtol=0, atol=near(wanted))
        background = float(log_joint(alone, jnp.asarray(embedding))[0, 0])
        without_pictures = got[[2, 6, 7]]  # the last two fill up the block
        np.testing.assert_allclose(without_pictures, background, rtol=0, atol=near(wanted))
    assert np.ptp(got) > 1


def row(count, mean=0.0, m2=0.0):
    return Rows(
        np.array([count], np.float32),
        np.full((1, FEATURES), mean, np.float32) * (1 + np.arange(FEATURES, dtype=np.float32)),
        np.full((1, FEATURES), m2, np.float32),
    )


EMPTY = row(0)
PAIRS = {
    "two tags": (row(3, 1.5, 2.0), row(5, -0.5, 1.0)),
    "a picture": (row(3, 1.5, 2.0), lesson_row(embeddings(1)[0, 0])),
    "the first picture": (EMPTY, lesson_row(embeddings(1)[0, 0])),
    "a picture forgotten": (row(3, 1.5, 40.0), lesson_row(embeddings(1)[0, 0], -1)),
    "the last but one forgotten": (row(2, 1.5, 2.0), lesson_row(embeddings(1)[0, 0], -1)),
    "the last one forgotten": (row(1, 1.5), lesson_row(row(1, 1.5).mean[0], -1)),
    "nothing to the right": (row(3, 1.5, 2.0), EMPTY),
    "nothing to the left": (EMPTY, row(3, 1.5, 2.0)),
    "nothing at all": (EMPTY, EMPTY),
    "forgotten before it was learned": (EMPTY, lesson_row(embeddings(1)[0, 0], -1)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_merge_is_the_merge_of_the_fit(pair):
    one, other = pair
    others = {f"other_{name}": value for name, value in other._asdict().items()}
    got = call(models()["merge"], "merge", **one._asdict(), **others)
    wanted = merge_statistics(*(Statistics(*map(jnp.asarray, rows)) for rows in pair))
    assert set(got) == set(wanted._fields)
    rows = [np.abs(part).max() for row in pair for part in row]
    largest = max(1, *rows, *(part**2 for part in rows))  # squares of the means enter m2
    for name, value in wanted._asdict().items():
        np.testing.assert_allclose(got[name], value, rtol=0, atol=rounding(8, largest))
        if 0 in (one.count[0], other.count[0]):
            np.testing.assert_array_equal(got[name], value)


def test_inputs_and_outputs_have_the_names_of_the_schema():
    signatures = {}
    for model in models().values():
        signatures |= Interpreter(model_content=model).get_signature_list()
    row = ["count", "m2", "mean"]
    assert {name: (sorted(s["inputs"]), sorted(s["outputs"])) for name, s in signatures.items()} == {
        "score": (sorted(["embedding", *row]), ["log_joint"]),
        "merge": (sorted([*row, *(f"other_{name}" for name in row)]), row),
    }


WIDE, NARROW = 96, 40


@functools.cache
def fitted_transform(kind="whitened", unit_length=True, size=1.0, shift=1.0):
    x, labels = pooled(size, shift)
    scatter = fit_scatter([(x, labels[:, None])], CLASSES, WIDE)
    return fit_transform(
        scatter, kind, dimensions=NARROW, shrinkage=0.3, within_class_weight=0.1, unit_length=unit_length
    )


@functools.cache
def pooled(size=1.0, shift=1.0):
    """Embeddings of a network, (200, 96), and their labels."""
    rng = np.random.default_rng(5)
    labels = np.arange(200, dtype=np.int32) % CLASSES
    x = rng.normal(size=(200, WIDE)) * np.linspace(0.2, 2, WIDE) + rng.normal(size=(CLASSES, WIDE))[labels] + shift
    return (size * x).astype(np.float32), labels


def assert_litert_transforms_as_jax(fitted, variant, x, magnitude=1.0):
    model = convert_transform(fitted, variant)
    assert Interpreter(model_content=model).get_signature_list() == {
        "transform": {"inputs": ["embedding"], "outputs": ["embedding"]}
    }
    got = np.concatenate([call(model, "transform", embedding=one[None])["embedding"] for one in x])
    wanted = np.asarray(apply_transform(fitted, jnp.asarray(x)))
    assert got.dtype == np.float32
    assert got.shape == wanted.shape == (len(x), NARROW if fitted.weights.ndim == 2 else WIDE)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=rounding(WIDE, magnitude * np.abs(wanted).max()))


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("variant", ["float16", "float32"])
def test_a_converted_transform_computes_what_the_fitted_one_does(variant, kind, unit_length):
    assert_litert_transforms_as_jax(fitted_transform(kind, unit_length), variant, pooled()[0][:20])


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("variant", ["float16", "float32"])
@pytest.mark.parametrize(("size", "shift"), [(1e-6, 1.0), (1e-3, 1.0), (1e5, 1.0), (1.0, 300.0), (1.0, 1e5)])
def test_no_unit_of_embeddings_is_too_small_or_too_large_for_a_converted_transform(size, shift, variant, kind):
    fitted = fitted_transform(kind, True, size, shift)
    magnitude = max(1.0, shift / 10)  # float32 rounds an embedding so far from 0 more coarsely
    assert_litert_transforms_as_jax(fitted, variant, pooled(size, shift)[0][:10], magnitude)


def test_at_the_offset_itself_a_converted_transform_gives_no_nan():
    fitted = fitted_transform()
    got = call(convert_transform(fitted), "transform", embedding=fitted.offset[None])["embedding"]
    assert np.isfinite(got).all()
    assert np.abs(got).max() < 1


def test_a_transform_in_float16_takes_half_the_bytes_and_one_without_a_matrix_hardly_any():
    small, large = (len(convert_transform(fitted_transform(), variant)) for variant in ("float16", "float32"))
    matrix = 4 * WIDE * NARROW
    assert large - small == pytest.approx(matrix / 2, rel=0.1)
    assert large > matrix
    assert len(convert_transform(fitted_transform("standardised"))) < 5000
