import numpy as np
import pytest

from imagetagger.export.parity import ExportError, Parity, check_parity, compare_to_float32, parity_problem

LIMITS = {"min_cosine": 0.98, "max_top1_loss": 0.4, "strict_parity_pictures": 5000}


def flags(n, right):
    return np.arange(n) < right


def test_loss_is_the_points_of_top1_that_only_float32_gets_right_less_those_that_only_the_variant_does():
    assert Parity(1000, 1.0, lost=12, won=7).loss == pytest.approx(0.5)
    assert Parity(1000, 1.0, lost=7, won=12).loss == pytest.approx(-0.5)
    assert Parity(1000, 1.0, lost=0, won=0).loss == 0


def test_chance_explains_95_of_100_losses_of_a_variant_that_is_as_good():
    rng = np.random.default_rng(0)
    disagreements = 200
    lost = rng.binomial(disagreements, 0.5, 20_000)
    within = [Parity(10_000, 1.0, int(n), disagreements - int(n)) for n in lost]
    assert np.mean([one.loss <= one.chance for one in within]) == pytest.approx(0.95, abs=0.01)
    assert Parity(10_000, 1.0, 0, 0).chance == 0


def test_pictures_are_compared_one_by_one():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 5)).astype(np.float32)
    right, reference = np.array([1, 1, 0, 0, 1, 0], bool), np.array([1, 0, 1, 1, 1, 0], bool)
    got = compare_to_float32(3 * x, right, x, reference)
    assert (got.pictures, got.lost, got.won) == (6, 2, 1)
    assert got.cosine == pytest.approx(1)
    assert compare_to_float32(-x, right, x, reference).cosine == pytest.approx(-1)
    turned = x.copy()
    turned[:3] *= -1
    assert compare_to_float32(turned, right, x, reference).cosine == pytest.approx(0, abs=1e-6)


def test_an_embedding_of_zeros_has_cosine_zero():
    x = np.ones((2, 3), np.float32)
    assert compare_to_float32(np.zeros_like(x), flags(2, 1), x, flags(2, 1)).cosine == 0


def test_a_variant_like_float32_passes():
    assert parity_problem("int8", Parity(10_000, 0.995, 100, 70), **LIMITS) is None
    check_parity({"float16": Parity(10_000, 1.0, 3, 5), "int8": Parity(10_000, 0.995, 100, 70)}, **LIMITS)
    check_parity({}, **LIMITS)


def test_a_low_cosine_fails_by_variant_got_limit_and_setting():
    said = parity_problem("int8", Parity(10_000, 0.97512, 0, 0), **LIMITS)
    assert said == "int8: embeddings have a mean cosine of 0.97512 to float32, export.min_cosine is 0.98"


def test_a_cosine_that_is_no_number_fails():
    assert "nan" in parity_problem("int8", Parity(10_000, float("nan"), 0, 0), **LIMITS)


def test_a_loss_fails_by_variant_got_pictures_limit_and_setting():
    said = parity_problem("dynamic_range", Parity(10_000, 0.99, 100, 50), **LIMITS)
    assert said == "dynamic: top-1 is 0.50 points below float32 on 10,000 pictures, export.max_top1_loss is 0.4"


def test_with_few_pictures_a_loss_that_chance_explains_passes_and_a_larger_one_fails():
    # 4 of 200 pictures lost, 1 won: 1.5 points, of which chance explains 1.8
    assert parity_problem("int8", Parity(200, 0.99, 4, 1), **LIMITS) is None
    assert "1.50 points" in parity_problem("int8", Parity(200, 0.99, 4, 1), **{**LIMITS, "strict_parity_pictures": 200})
    assert "15.00 points" in parity_problem("int8", Parity(200, 0.99, 40, 10), **LIMITS)


def test_with_many_pictures_the_loss_itself_counts():
    parity = Parity(5000, 0.99, 60, 35)  # 0.5 points; chance would explain 0.32
    assert parity.chance > 0.1
    assert "0.50 points" in parity_problem("int8", parity, **LIMITS)
    assert parity_problem("int8", parity, **{**LIMITS, "strict_parity_pictures": 5001}) is None


def test_all_variants_that_fail_are_named_at_once_with_what_would_help():
    parities = {
        "float16": Parity(10_000, 1.0, 0, 0),
        "dynamic_range": Parity(10_000, 0.5, 0, 0),
        "int8": Parity(9, 0.1, 0, 0),
    }
    with pytest.raises(ExportError) as error:
        check_parity(parities, **LIMITS)
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["dynamic_range", "int8"]
    assert "Nothing was exported" in lines[2]
    assert all(key in lines[2] for key in ("export.variants", "export.calibration_pictures"))
    assert isinstance(error.value, ValueError)
