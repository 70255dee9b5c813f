"""The same as `make fuzz`, for seconds: on the same inputs each time."""

import hypothesis
import pytest

from tests.fuzz.targets import TARGETS, make_target

EXAMPLES = 150


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_is_fed_is_taken_or_refused_in_words(name):
    target = make_target(name)

    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(target.inputs)
    def try_input(content):
        target.check(content)

    try_input()
