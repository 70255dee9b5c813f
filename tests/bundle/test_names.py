"""The one rule of names, which the app has too: tests/helpers/name_table.py."""

import json

import pytest

from imagetagger.bundle.labels import read_labels
from imagetagger.bundle.names import name_problem, normalise_name, text_problem
from imagetagger.bundle.strict_json import BundleError
from tests.helpers.name_table import BAD_NAMES, GOOD_NAMES, NO_NAMES, SPACED_NAMES, UNSEEN_NAMES


def labels_of(name: str) -> bytes:
    return json.dumps([{"id": name, "name": name, "synonyms": [name]}]).encode()


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_of_any_script_or_emoji_can_be_given_and_bundled_b02_tag_name_not_printable(name):
    """B02-tag-name-not-printable."""
    assert normalise_name(name) == name
    assert name_problem(name) is None
    assert read_labels(labels_of(name))[0].name == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_control_characters_halves_and_marks_that_reverse_text_are_refused(name):
    problem = name_problem(normalise_name(name))
    assert "expected no control characters" in problem
    assert problem.isprintable()
    with pytest.raises(BundleError, match=r"^labels\.json"):
        read_labels(labels_of(name))


@pytest.mark.parametrize(("name", "stored"), SPACED_NAMES.items())
def test_spaces_of_any_width_become_one(name, stored):
    assert normalise_name(name) == stored
    assert name_problem(stored) is None


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_name_and_a_long_one_are_refused(name):
    assert "expected 1 to 100" in name_problem(normalise_name(name))


@pytest.mark.parametrize("name", UNSEEN_NAMES)
def test_a_name_of_which_nothing_is_seen_cannot_be_given_but_one_that_is_in_a_bundle_is_read(name):
    problem = name_problem(normalise_name(name))
    assert "none of whose characters is seen" in problem
    assert problem.isascii()
    assert read_labels(labels_of(name))[0].name == name


def test_a_bundle_shows_wide_spaces_and_long_names_as_they_are_but_not_line_breaks():
    assert read_labels(labels_of("a\N{NO-BREAK SPACE}b\N{IDEOGRAPHIC SPACE}c"))[0].name == "a\xa0b\u3000c"
    assert len(read_labels(labels_of("x" * 500))[0].name) == 500
    assert "U+000A" in text_problem("a\nb")
    assert "U+2028" in text_problem("a\u2028b")
    assert "of spaces only" in text_problem(" \u3000")
    assert "got a name of 501 characters" in text_problem("x" * 501)
