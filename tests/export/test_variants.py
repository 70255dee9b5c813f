from imagetagger.embedding.runtime import Runtime
from imagetagger.export.variants import TIMING_ROUNDS, VariantEvaluation, measure_rates
from tests.helpers.bundles import FEATURES, WHITENED, ingredients

FAST = "export.onnx=false"


def timed(variant, rates, turns):
    """A runtime with these raw rates, one per call, that notes its turn."""
    left = iter(rates)

    def raw_rate(seconds):
        turns.append(variant)
        return next(left)

    return Runtime("litert", f"space of {variant}", None, raw_rate, 1)


def test_a_rate_is_the_median_of_turns_that_all_variants_take():
    turns = []
    rates = {"float32": (1.0, 9.0, 3.0), "int8": (2.0, 4.0, 100.0)}
    assert TIMING_ROUNDS == 3
    runtimes = {variant: timed(variant, values, turns) for variant, values in rates.items()}
    assert measure_rates(runtimes) == {"float32": 3, "int8": 4}
    assert turns == ["float32", "int8"] * TIMING_ROUNDS


def test_without_variants_there_are_no_rates():
    assert measure_rates({}) == {}


def test_the_size_of_a_variant_is_that_of_its_file_and_of_its_matrix_in_float16():
    model = bytes(1234)
    plain, whitened = (ingredients(FAST, *overrides).variants["float32"].evaluation for overrides in ((), WHITENED))
    assert VariantEvaluation(model, plain, 1.0, None).bytes == 1234
    assert VariantEvaluation(model, whitened, 1.0, None).bytes == 1234 + 2 * FEATURES * 12
