import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from imagetagger.config.overrides import path_settings, quote_paths
from tests.helpers.cases import CASES
from tests.helpers.composed import compose
from tests.helpers.composed import settings as parsed

PARSER = OverridesParser.create()
CHARACTERS = "abz09 \t\n~üé漢👨()[]{}<>,=#'\"\\$*:;&%!?@|^+-_./`\udcff"

TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=12),
    st.text(st.characters(exclude_characters="\0"), max_size=12),
    st.lists(st.sampled_from(["${x}", "\\", "'", '"', "a", " ", ",", "=", "${", "}", "$"]), max_size=8).map("".join),
)
NASTY = [
    *("~/Pictures", "~ann/x", "Übung", "写真", "Photos (2024)", "[a]", "{a: b}", "a,b", "a=b", "a#b", "Bob's", 'a"b'),
    *(
        "\\",
        "a\\",
        "a\\\\",
        "C:\\Bob's\\",
        "\\'",
        '\\"',
        "$HOME",
        "${x}",
        "\\${x}",
        "\\\\${x}",
        "${",
        "*",
        "a:b",
        "a&b",
    ),
    *(
        "a&b",
        "50%",
        "a!",
        "a\nb",
        "-x",
        "--x",
        " a",
        "a ",
        "2024",
        "1_000",
        "1e3",
        "007",
        "true",
        "False",
        "inf",
        "nan",
    ),
    *("choice(a,b)", "range(1,3)", "glob(*)", "null.jpg", "a,", ",", "'a' b", "'a'b'", "a\udcffb", "a\tb", "?"),
]


def is_hydras(text: str) -> bool:
    """Whether a text keeps the meaning that it has for Hydra: nothing, null, missing, or a text in quotes."""
    return text == "???" or text.lower() in ("", "null") or (len(text) > 1 and text[0] in "'\"" and text[-1] == text[0])


def read_back(key: str, override: str) -> str:
    """The value of an override, as OmegaConf gives it to the program."""
    read = PARSER.parse_override(override)
    assert not read.is_sweep_override()
    return OmegaConf.select(OmegaConf.create({"value": read.value()}), "value")


@pytest.mark.parametrize("prefix", ["", "+", "++"])
@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("key", list(path_settings()))
def test_a_path_is_read_as_it_was_given(key, text, prefix):
    """Case B01-hydra-path."""
    (override,) = quote_paths([f"{prefix}{key}={text}"])
    assert read_back(key, override) == text


@given(TEXTS.filter(lambda text: not is_hydras(text)))
@settings(max_examples=300, deadline=None)
@example("'")
@example("\\'${x}\\")
def test_any_text_is_read_as_it_was_given(text):
    (override,) = quote_paths([f"data.path={text}"])
    assert read_back("data.path", override) == text


@given(TEXTS.filter(lambda text: not is_hydras(text)))
@settings(max_examples=100, deadline=None)
def test_a_sweep_passes_any_text_on_unchanged(text):
    (override,) = quote_paths([f"data.path={text}"])
    again = PARSER.parse_override(f"data.path={PARSER.parse_override(override).get_value_element_as_str()}")
    assert read_back("data.path", f"data.path={again.get_value_element_as_str()}") == text


@pytest.mark.parametrize("text", ["null", "NULL", "", "'a b'", '"a b"', "'it\\'s'", "'null'", '"${seed}"'])
def test_null_nothing_and_what_the_user_quoted_stay_as_hydra_reads_them(text):
    for arguments in ([f"data.path={text}"], ["-m", f"data.path={text}"]):
        assert quote_paths(arguments) == arguments


@pytest.mark.parametrize("argument", ["seed=1", "data=folder", "~data.path", "-m", "--cfg=job", "seed=a b"])
def test_other_arguments_stay(argument):
    assert quote_paths([argument]) == [argument]


@pytest.mark.parametrize("flag", ["-m", "--multirun", "--multi", "hydra.mode=MULTIRUN"])
def test_a_comma_separates_the_values_of_a_sweep(flag):
    for text, values in {
        "a,b": ["a", "b"],
        "Übung, Photos (2024)": ["Übung", "Photos (2024)"],
        "'a,b',c": ["a,b", "c"],
        "2024,2025": ["2024", "2025"],
        "null,a=b": [None, "a=b"],
        "${x},\\": ["\\${x}", "\\"],
    }.items():
        _, override = quote_paths([flag, f"data.path={text}"])
        read = PARSER.parse_override(override)
        assert read.is_sweep_override()
        assert [PARSER.parse_override(f"k={item}").value() for item in read.sweep_string_iterator()] == values


def test_an_existing_path_with_a_comma_is_one_value_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a,b", "choice(a,b)"):
        Path(name).mkdir()
        _, override = quote_paths(["-m", f"data.path={name}"])
        assert read_back("data.path", override) == name


@pytest.mark.parametrize("function", ["choice(a,b)", "glob(*)", "shuffle(a,b)", "sort(b,a)", "tag(x, choice(a,b))"])
def test_functions_of_sweeps_stay(function):
    assert quote_paths(["-m", f"data.path={function}"]) == ["-m", f"data.path={function}"]


def test_hydras_folders_keep_interpolations_and_may_be_named_from_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    (override,) = quote_paths(["hydra.run.dir=~/Läufe (neu)/${seed}"])
    assert PARSER.parse_override(override).value() == "/home/ann/Läufe (neu)/${seed}"


def test_all_paths_of_the_schema_are_known():
    assert list(path_settings()) == ["cache", "track_to", "data.path", "data.test", "backbone.weights"]


@pytest.mark.parametrize("name", sorted(path.name for path in (CASES / "B01-hydra-path").iterdir() if path.is_dir()))
def test_a_folder_of_the_case_reaches_the_settings(name):
    """Case B01-hydra-path."""
    path = CASES / "B01-hydra-path" / name
    assert parsed(*quote_paths(["data=folder", f"data.path={path}"])).data.path == str(path)


@pytest.mark.parametrize("text", ["${nope}\\", "a,b=c#d", "2024", "a\udcffb"])
def test_any_text_reaches_the_settings(text):
    made = parsed(*quote_paths([f"data.path={text}", f"backbone.weights={text}", f"cache={text}"]))
    assert made.data.path == made.backbone.weights == made.cache == text


def test_what_is_composed_can_be_saved_and_read_again():
    """Names with bytes that are no text survive Hydra's files of the config."""
    path = os.fsdecode(b"Fotos \xff")
    config = compose(*quote_paths([f"data.path={path}"]))
    OmegaConf.to_yaml(config).encode()
    assert OmegaConf.create(OmegaConf.to_yaml(config)).data.path == path


def test_the_mark_of_a_missing_value_can_be_a_name_too():
    assert parsed(*quote_paths(["data.path=???"])).data.path == "./???"
