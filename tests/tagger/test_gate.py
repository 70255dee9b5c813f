"""The gates for bundles and lessons take and refuse what one table says, which the app's tests read too."""

import time

import pytest

from imagetagger.bundle.strict_json import BundleError
from imagetagger.tagger.lessons import LessonError
from tests.helpers.gate_cases import CASES, read_case


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['file']}: {case['case']}")
def test_a_file_is_taken_or_refused_as_the_table_says(case, tmp_path):
    start = time.process_time()
    if case["refused"] is None:
        read_case(case["file"], case.get("change", {}), tmp_path)
    else:
        with pytest.raises((BundleError, LessonError)) as caught:
            read_case(case["file"], case.get("change", {}), tmp_path)
        message = str(caught.value)
        assert case["refused"] in message.replace(": ", ".")
        assert len(message.replace(str(tmp_path), "")) < 1000
    assert time.process_time() - start < 10


def test_the_table_has_cases_of_all_files_both_taken_and_refused():
    assert len({(case["file"], case["case"]) for case in CASES}) == len(CASES) > 200
    files = {case["file"] for case in CASES}
    assert (
        files
        == {case["file"] for case in CASES if case["refused"]}
        == {case["file"] for case in CASES if not case["refused"]}
    )
