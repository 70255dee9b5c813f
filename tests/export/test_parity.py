from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from imagetagger.export.parity import (
    ExportError,
    Parity,
    check_parity,
    compare_to_float32,
    mean_cosine,
    parity_problem,
)
from tests.helpers.precision import rounding

LIMITS = {"min_cosine": 0.98, "max_top1_loss": 0.4, "strict_parity_pictures": 5000}


def parity(pictures, cosine, lost, won):
    return Parity(100, pictures, cosine, lost, won)


def evaluation(embeddings, is_correct, train=100):
    """What a comparison takes of an evaluation."""
    data = SimpleNamespace(embeddings=embeddings)
    return SimpleNamespace(data=data, is_correct=np.array(is_correct, bool), train=train)


def test_loss_is_the_points_of_top1_that_only_float32_gets_right_less_those_that_only_the_variant_does():
    assert parity(1000, 1.0, lost=12, won=7).loss == pytest.approx(0.5)
    assert parity(1000, 1.0, lost=7, won=12).loss == pytest.approx(-0.5)
    assert parity(1000, 1.0, lost=0, won=0).loss == 0


def test_chance_explains_95_of_100_losses_of_a_variant_that_is_as_good():
    disagreements = 200
    is_explained = [
        parity.loss <= parity.chance
        for lost in range(disagreements + 1)
        for parity in [Parity(100, 10_000, 1.0, lost, disagreements - lost)]
    ]
    share = binom.pmf(np.arange(disagreements + 1), disagreements, 0.5) @ is_explained
    assert share == pytest.approx(0.95, abs=0.01)
    assert parity(10_000, 1.0, 0, 0).chance == 0


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (5, 5), (7, 1), (1, 7), (120, 90), (0, 12)])
def test_the_p_value_is_that_of_mcnemars_exact_test(lost, won):
    expected = binomtest(lost, lost + won, 0.5).pvalue if lost + won else 1
    assert parity(1000, 1.0, lost, won).p_value == pytest.approx(expected)


def test_pictures_are_compared_one_by_one():
    x = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    variant, float32 = evaluation(3 * x, [1, 1, 0, 0, 1, 0], 42), evaluation(x, [1, 0, 1, 1, 1, 0], 42)
    compared = compare_to_float32(variant, float32)
    assert compared == Parity(train=42, pictures=6, cosine=pytest.approx(1), lost=2, won=1, correct=3)


def test_without_pictures_there_is_nothing_to_compare():
    nothing = evaluation(np.zeros((0, 5), np.float32), [])
    assert compare_to_float32(nothing, nothing) is None


def test_the_cosine_is_the_mean_of_the_pictures():
    x = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    turned = x.copy()
    turned[:3] *= -1
    assert mean_cosine(2 * x, x) == pytest.approx(1)
    assert mean_cosine(2 * x, x) <= 1
    assert mean_cosine(-x, x) == pytest.approx(-1)
    assert mean_cosine(turned, x) == pytest.approx(0, abs=rounding(5))
    assert mean_cosine(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)) == 0


def test_a_variant_like_float32_passes():
    assert parity_problem("int8", parity(10_000, 0.995, 100, 70), **LIMITS) is None
    check_parity({"float16": parity(10_000, 1.0, 3, 5), "int8": parity(10_000, 0.995, 100, 70)}, **LIMITS)
    check_parity({}, **LIMITS)


def test_a_low_cosine_fails_with_variant_cosine_and_limit():
    problem = parity_problem("int8", parity(10_000, 0.97512, 0, 0), **LIMITS)
    assert problem == "int8: mean cosine to float32 is 0.97512, expected at least min_cosine=0.98"


def test_a_cosine_that_is_not_a_number_fails():
    assert "nan" in parity_problem("int8", parity(10_000, float("nan"), 0, 0), **LIMITS)


def test_a_loss_fails_with_variant_loss_pictures_and_limit():
    problem = parity_problem("dynamic_range", parity(10_000, 0.99, 100, 50), **LIMITS)
    expected = (
        "dynamic_range: top-1 is 0.50 points below float32 on 10,000 pictures, expected at most max_top1_loss=0.4"
    )
    assert problem == expected


def test_with_few_pictures_a_loss_that_chance_explains_passes_and_a_larger_one_fails():
    # 4 of 200 pictures lost, 1 won: 1.5 points, of which chance explains 1.8
    few = parity(200, 0.99, 4, 1)
    assert parity_problem("int8", few, **LIMITS) is None
    assert "1.50 points" in parity_problem("int8", few, **{**LIMITS, "strict_parity_pictures": 200})
    assert "15.00 points" in parity_problem("int8", parity(200, 0.99, 40, 10), **LIMITS)


def test_with_many_pictures_the_loss_itself_counts():
    many = parity(5000, 0.99, 60, 35)  # 0.5 points; chance would explain 0.32
    assert many.chance > 0.1
    assert "0.50 points" in parity_problem("int8", many, **LIMITS)
    assert parity_problem("int8", many, **{**LIMITS, "strict_parity_pictures": 5001}) is None


def test_all_variants_that_fail_are_named_at_once_with_what_would_help():
    parities = {
        "float16": parity(10_000, 1.0, 0, 0),
        "dynamic_range": parity(10_000, 0.5, 0, 0),
        "int8": parity(9, 0.1, 0, 0),
    }
    with pytest.raises(ExportError) as error:
        check_parity(parities, **LIMITS)
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["dynamic_range", "int8"]
    assert "Nothing was exported" in lines[2]
    assert "Leave the variant out, calibrate int8 on more pictures, or widen the limits" in lines[2]
    assert isinstance(error.value, ValueError)


def test_classifiers_fitted_on_a_part_of_the_pictures_are_too_different_to_count_a_loss_strictly():
    one = parity(10_000, 0.99, lost=180, won=130)  # 0.5 points, of which chance explains 0.29
    assert "top-1 is 0.50 points below" in parity_problem("int8", one, **LIMITS)
    assert parity_problem("int8", one._replace(is_complete=False), **LIMITS) is None
    assert parity_problem("int8", one._replace(is_complete=False, lost=240), **LIMITS)
