import logging
import logging.config
import sys
from pathlib import Path

import pytest

from imagetagger.system.printable import PrintableFormatter, printable_lines, printable_text
from tests.helpers.name_table import BAD_NAMES, GOOD_NAMES


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_names_of_every_script_and_emoji_are_printed_as_they_are(name):
    assert printable_text(name) == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_controls_a_terminal_or_reverses_text_is_escaped(name):
    shown = printable_text(f"<{name}>")
    assert shown.isascii() or shown.isprintable()
    assert "\\" in shown


def test_lines_stay_lines():
    assert printable_lines("one\ntwo\r\x1b[2J") == "one\ntwo\\r\\x1b[2J"


@pytest.mark.parametrize(
    "value", ["a\x1b[2J\nINFO forged", Path("a\x1b[2J\nINFO forged"), ValueError("a\x1b[2J\nINFO forged")]
)
def test_a_log_line_has_its_arguments_escaped(value):
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s has %d\nand so on", (value, 3), None)
    assert PrintableFormatter("%(message)s").format(record) == "a\\x1b[2J\\nINFO forged has 3\nand so on"


def test_a_log_line_without_arguments_or_with_a_mapping_is_escaped():
    for message, arguments in (("50 %\x07", ()), ("%(name)s", ({"name": "\x07\nb"},))):
        record = logging.LogRecord("x", logging.INFO, "x.py", 1, message, arguments, None)
        shown = PrintableFormatter("%(message)s").format(record)
        assert "\x07" not in shown
        assert "\n" not in shown


def test_a_traceback_in_the_log_is_escaped():
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "broken", (), sys.exc_info())
    shown = PrintableFormatter("%(message)s").format(record)
    assert "\x1b" not in shown
    assert "ValueError: \\x1b[2J" in shown
