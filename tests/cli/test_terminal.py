import io
import json
import math
import sys
from typing import NamedTuple

from imagetagger.cli.terminal import plain_json, print_json, print_line, progress_bar


class Scored(NamedTuple):
    name: str
    score: float


def test_a_line_has_letters_that_the_terminal_lacks_escaped(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    print_line("caf\u00e9")
    out.flush()
    assert out.buffer.getvalue() == b"caf\\xe9\n"


def test_json_is_strict_and_one_line_of_ascii(capsys):
    print_json({"tags": [Scored("a\x1b\x7f\u2028b", math.nan)], "score": math.inf, "some": (1.5, None, True)})
    line = capsys.readouterr().out
    assert line.isascii()
    assert line[:-1].isprintable()
    read = json.loads(line, parse_constant=lambda name: pytest_fail(name))
    assert read == {"tags": [{"name": "a\x1b\x7f\u2028b", "score": None}], "score": None, "some": [1.5, None, True]}
    assert plain_json({"a": Scored("b", 1)}) == {"a": {"name": "b", "score": 1}}


def pytest_fail(name: str):
    raise AssertionError(f"{name} is not JSON")


def test_progress_is_shown_on_a_terminal_only(monkeypatch, capsys):
    with progress_bar(3) as advance, advance():
        print("line")
    assert capsys.readouterr() == ("line\n", "")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("imagetagger.cli.terminal.PROGRESS_DELAY", 0)
    with progress_bar(3) as advance, advance():
        print("line")
    assert capsys.readouterr().out == "line\n"
    assert "/3" in terminal.getvalue()
