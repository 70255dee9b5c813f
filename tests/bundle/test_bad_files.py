"""Wrong values in the JSON of a bundle: each is refused by its file, its path, what was got and what was expected."""

import json

import pytest

from imagetagger.bundle.labels import read_labels
from imagetagger.bundle.manifest import parse_manifest
from imagetagger.bundle.strict_json import BundleError
from tests.helpers.bad_files import Case, case_id, cases, sound, wrong
from tests.helpers.sealing import sealed


def refused(read, data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        read(data)
    message = str(caught.value)
    assert 10 < len(message) < 1000
    assert message.isprintable()
    return message


@pytest.mark.parametrize("case", cases("manifest.json"), ids=case_id)
def test_a_wrong_manifest_is_refused(case: Case):
    message = refused(parse_manifest, sealed(wrong(case)))
    assert message.startswith("manifest.json")
    assert case.message in message


@pytest.mark.parametrize("case", cases("labels.json"), ids=case_id)
def test_wrong_labels_are_refused(case: Case):
    message = refused(read_labels, json.dumps(wrong(case)).encode())
    assert message.startswith("labels.json")
    assert case.message in message


def test_the_values_that_cases_start_from_are_sound():
    assert parse_manifest(sealed(sound("manifest.json"))).name == "Äpfel und Birnen"
    assert [label.synonyms for label in read_labels(json.dumps(sound("labels.json")).encode())] == [("Ä",), ()]


@pytest.mark.parametrize("data", [b"", b"[", b"NaN", b'[{"id":"a","id":"b","name":"A","synonyms":[]}]'])
def test_labels_that_are_not_json_are_refused(data):
    assert refused(read_labels, data).startswith("labels.json is not valid JSON: ")
