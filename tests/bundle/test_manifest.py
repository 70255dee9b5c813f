import contextlib
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imagetagger.bundle.manifest import MANIFEST_SCHEMA, UNSEALED_DIGEST, parse_manifest, seal_manifest
from imagetagger.bundle.strict_json import BundleError, decode_json
from tests.helpers.bad_files import SOUND_MANIFEST, sound
from tests.helpers.sealing import put, seal_text, sealed

FREE = ("metrics", "provenance", "model/quantization")
"""Of these only the type is checked."""

OPTIONAL = ("confidence", "sharpness", "thresholds", "aci_step_size", "novelty")
"""Keys of a decision that have a default."""

BIG, HUGE = int("9" * 400), int("9" * 4000)

WRONG = (None, True, 1.5, -1, BIG, HUGE, "", "x", "1" * 64, "\x1b[2J" * 99, "\x00", [], [1], {}, {"x": 1})

FINE = {
    "name": ("x", "1" * 64),
    "files": ({},),  # too few: the reader of the bundle says so
    "embedding_space": ("1" * 64,),
    "model/quantization": (None, {}, {"x": 1}),
    "classifier/variance_prior_strength": (None, 1.5),
    "classifier/var_smoothing": (1.5,),
    "classifier/mean_prior": (True,),
    "decision/calibration/temperature": (1.5,),
    "decision/prediction_set/threshold": (1.5,),
    "decision/novelty": (None,),
    "decision/novelty/threshold": (1.5, -1),
    "onnx": (None,),
    "onnx/embedding_space": ("1" * 64,),
    "onnx/decision/calibration/confidence": ([],),
    "onnx/decision/calibration/sharpness": ([],),
    "onnx/decision/calibration/temperature": (1.5,),
    "onnx/decision/prediction_set/coverage": (None,),
    "onnx/decision/prediction_set/thresholds": ([],),
    "onnx/decision/novelty": (None,),
    **{
        f"model/signatures/merge/{place}/shape": ([1],)
        for place in ("inputs/count", "inputs/other_count", "outputs/count")
    },
    "metrics": ({},),
    "provenance": ({}, {"x": 1}),
    "files/model.tflite/sha256": ("1" * 64,),  # no file has it
}


def made() -> dict:
    """manifest.json as objects, the digest not filled in."""
    return sound("manifest.json")


def refused(data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        parse_manifest(data)
    message = str(caught.value)
    assert 10 < len(message) < 1000
    assert message.isprintable()
    return message


def objects(value, path=()):
    """The path of every object whose keys are known."""
    if isinstance(value, dict) and "/".join(path) not in FREE:
        yield path
        for key, item in value.items():
            yield from objects(item, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


OBJECTS = [path for path in objects(made()) if path != ("files",)]
PLACES = [(*path, key) for path in OBJECTS for key in at(made(), path)]


def test_what_was_sealed_is_read():
    data = seal_manifest(SOUND_MANIFEST)
    (digest,) = {json.loads(data)["digest"]}
    assert parse_manifest(data) == replace(SOUND_MANIFEST, digest=digest)
    assert digest == hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest()
    assert seal_manifest(parse_manifest(data)) == data


def test_a_name_of_64_zeros_can_be_sealed():
    zeros = replace(SOUND_MANIFEST, name=UNSEALED_DIGEST)
    assert parse_manifest(seal_manifest(zeros)).name == UNSEALED_DIGEST


def test_layout_and_order_are_free():
    shuffled = dict(reversed(made().items()))
    for indent in (None, 4):
        assert parse_manifest(seal_text(json.dumps(shuffled, indent=indent).encode())).name == SOUND_MANIFEST.name


@pytest.mark.parametrize("flip", [1, 0x20, 0x80, 0xFF])
def test_any_byte_changed_is_refused(flip):
    data = seal_manifest(SOUND_MANIFEST)
    for i in range(0, len(data), 3):
        refused(data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :])


def test_a_manifest_cut_anywhere_is_refused():
    data = seal_manifest(SOUND_MANIFEST)
    for length in range(0, len(data), 5):
        refused(data[:length])
    assert "digest" in refused(data[:-1])


def test_space_added_or_taken_away_is_refused():
    data = seal_manifest(SOUND_MANIFEST)
    for other in (data + b" ", b" " + data, data.replace(b": ", b":", 1)):
        assert "digest" in refused(other)


def named(path) -> str:
    """What the message must name: a known key, or the mapping of free keys that it is in."""
    for mapping, depth in (("files", 1), ("metrics", 1), ("signatures", 2)):
        if mapping in path[:2] and len(path) > depth:
            return mapping
    return path[-1]


@pytest.mark.parametrize("path", OBJECTS, ids="/".join)
def test_a_missing_key_is_refused_and_named_or_has_a_default(path):
    for key in at(made(), path):
        less = made()
        del at(less, path)[key]
        if key in OPTIONAL:
            with contextlib.suppress(BundleError):
                parse_manifest(sealed(less))
        else:
            assert named((*path, key)) in refused(sealed(less))


@pytest.mark.parametrize("path", OBJECTS, ids="/".join)
def test_an_unknown_key_is_refused_and_named(path):
    more = made()
    at(more, path)["colour"] = {}
    message = refused(sealed(more))
    assert "colour" in message or named((*path, "colour")) in message


@pytest.mark.parametrize("path", PLACES, ids="/".join)
def test_a_value_of_another_type_or_out_of_range_is_refused_and_its_key_named(path):
    fine = FINE.get("/".join(path), ())
    for value in WRONG:
        changed = made()
        at(changed, path[:-1])[path[-1]] = value
        if any(type(value) is type(accepted) and value == accepted for accepted in fine):
            assert parse_manifest(sealed(changed)).schema == MANIFEST_SCHEMA
        elif path == ("digest",):
            refused(json.dumps(changed).encode())
        else:
            assert named(path) in refused(sealed(changed))


@pytest.mark.parametrize("schema", [4, 5, BIG])
def test_a_newer_schema_is_refused_before_anything_else_is_looked_at(schema):
    message = refused(json.dumps({"schema": schema, "anything": "else"}).encode())
    assert message.endswith("this imagetagger reads 3: update imagetagger")


@pytest.mark.parametrize("schema", [-1, 1, 2])
def test_an_older_schema_is_refused_with_the_advice_to_export_again(schema):
    message = refused(json.dumps({"schema": schema, "calibration": {"temperature": 2.0}}).encode())
    assert message == f"manifest.json has schema {schema}, this imagetagger reads 3: export the bundle again"


@pytest.mark.parametrize("place", ["", "model", "files/model.tflite", "provenance", "provenance/versions"])
def test_a_key_twice_is_refused_anywhere(place):
    value = made()
    inner = at(value, place.split("/") if place and "." not in place else ())
    if "." in place:
        inner = value["files"]["model.tflite"]
    inner["ONE"] = 1
    inner["TWO"] = 2
    assert "twice" in refused(seal_text(json.dumps(value).replace("TWO", "ONE").encode()))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "01", "0x10", "1_0"])
@pytest.mark.parametrize(
    "place", ["decision/calibration/temperature", "decision/prediction_set/thresholds", "provenance/seed"]
)
def test_what_is_no_number_is_refused_anywhere(place, number):
    value = made()
    put(value, place, "HERE")
    message = refused(seal_text(json.dumps(value).replace('"HERE"', number).encode()))
    assert ("Number out of range" if "1e999" in number else "JSON") in message


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [900, 980, 2000, 200_000])
@pytest.mark.parametrize("place", ["schema", "name", "files", "image", "decision/prediction_set/threshold"])
def test_deep_nesting_is_refused(place, depth, opening, closing):
    value = made()
    put(value, place, "HERE")
    nested = opening * depth + "1" + closing * depth
    refused(seal_text(json.dumps(value).replace('"HERE"', nested).encode()))


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b" ",
            b"null",
            b"1",
            b"[]",
            b"{}",
            b'"manifest"',
            b"\xef\xbb\xbf{}",
            b"{}{}",
            b"{'a': 1}",
            b"\0",
            b"\xff",
        ),
        *(
            b'{"a": "\\ud800"}',
            "{}".encode("utf-16"),
            b'{"a": 1,}',
            b'{"a": "\n"}',
            b"<!DOCTYPE html>",
            b"// {}",
        ),
    ],
)
def test_what_is_no_object_of_json_is_refused(data):
    refused(data)


def test_half_a_character_is_refused():
    value = made()
    value["provenance"]["note"] = "\ud800"
    assert "unpaired surrogate" in refused(sealed(value))


def test_a_manifest_without_end_is_refused():
    value = made()
    value["provenance"]["note"] = "x" * 2**21
    assert "at most 2,097,152" in refused(sealed(value))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    refused(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([path for path in PLACES if path[0] != "digest"]), json_values)
def test_any_json_in_any_place_is_refused_or_read(path, value):
    changed = made()
    at(changed, path[:-1])[path[-1]] = value
    with contextlib.suppress(BundleError):
        assert parse_manifest(sealed(changed)).schema == MANIFEST_SCHEMA


def test_json_keeps_its_values():
    value = {"a": [1, 2.5, None, True, "ü😀"], "b": {}}
    assert decode_json(json.dumps(value).encode(), Any, "x") == value
