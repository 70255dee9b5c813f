import contextlib
import copy
import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealing import manifest_of, put, seal_text, sealed

from imagetagger.bundle import manifest
from imagetagger.bundle.manifest import BundleError, Manifest, load_json, parse, seal
from imagetagger.calibration import Calibration
from imagetagger.conformal import LEVELS
from imagetagger.decide import Decision, TagSet, Unknown
from imagetagger.preprocess import CONTRACT

MADE = Manifest(
    schema=2,
    name="Äpfel und Birnen",
    digest=manifest.UNSEALED,
    embedding_space="a" * 64,
    files={"model.tflite": manifest.File("b" * 64, 3)},
    image=manifest.ImageContract(CONTRACT, 32, 100_000_000),
    model=manifest.Model("int8", 48, 4, {"weights": "int8"}, manifest.signatures(32, 48, 4)),
    classifier=manifest.Classifier("whitened", 0.1, 1e-9, "counts", True),
    decision=Decision(
        Calibration(2.5, (0.25, 0.75), (1.5, 0.5)),
        TagSet("lac", 0.9, 0.8, tuple(LEVELS.tolist()), 0.02),
        Unknown(-3.5, 0.05),
    ),
    onnx=manifest.Onnx("c" * 64, Decision(Calibration(3.5), TagSet("cumulative", None, 0.8))),
    metrics={"int8": {"top1": 0.5}},
    provenance={"versions": {"jax": "1"}, "seed": None},
)

FREE = ("metrics", "provenance", "model/quantization")
"""Of these only the type is looked at."""

BIG, HUGE = int("9" * 400), int("9" * 4000)

WRONG = (None, True, 1.5, -1, BIG, HUGE, "", "x", "1" * 64, "\x1b[2J" * 99, "\x00", [], [1], {}, {"x": 1})

FINE = {
    "name": ("x", "1" * 64),
    "files": ({},),  # too few: the reader of the bundle says so
    "embedding_space": ("1" * 64,),
    "model/quantization": (None, {}, {"x": 1}),
    "classifier/kappa": (None, 1.5),
    "classifier/smoothing": (1.5,),
    "classifier/mean_prior": (True,),
    "decision/calibration/temperature": (1.5,),
    "decision/tag_set/threshold": (1.5,),
    "decision/unknown": (None,),
    "decision/unknown/threshold": (1.5, -1),
    "onnx": (None,),
    "onnx/embedding_space": ("1" * 64,),
    "onnx/decision/calibration/confidence": ([],),
    "onnx/decision/calibration/sharpness": ([],),
    "onnx/decision/calibration/temperature": (1.5,),
    "onnx/decision/tag_set/coverage": (None,),
    "onnx/decision/tag_set/thresholds": ([],),
    "onnx/decision/unknown": (None,),
    **{
        f"model/signatures/merge/{place}/shape": ([1],)
        for place in ("inputs/count", "inputs/other_count", "outputs/count")
    },
    "metrics": ({},),
    "provenance": ({}, {"x": 1}),
    "files/model.tflite/sha256": ("", "x", "1" * 64, "\x1b[2J" * 99, "\x00"),  # no file has these
    "files/model.tflite/bytes": (-1, BIG, HUGE),
}


def made() -> dict:
    """manifest.json as objects, the digest not filled in."""
    return copy.deepcopy(manifest_of({"manifest.json": seal(MADE)}))


def refused(data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        parse(data)
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
    data = seal(MADE)
    (digest,) = {json.loads(data)["digest"]}
    assert parse(data) == replace(MADE, digest=digest)
    assert digest == hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest()
    assert seal(parse(data)) == data


def test_a_name_of_64_zeros_can_be_sealed():
    zeros = replace(MADE, name=manifest.UNSEALED)
    assert parse(seal(zeros)).name == manifest.UNSEALED


def test_layout_and_order_are_free():
    shuffled = dict(reversed(made().items()))
    for indent in (None, 4):
        assert parse(seal_text(json.dumps(shuffled, indent=indent).encode())).name == MADE.name


@pytest.mark.parametrize("flip", [1, 0x20, 0x80, 0xFF])
def test_any_byte_changed_is_refused(flip):
    data = seal(MADE)
    for i in range(0, len(data), 3):
        refused(data[:i] + bytes([data[i] ^ flip]) + data[i + 1 :])


def test_a_manifest_cut_anywhere_is_refused():
    data = seal(MADE)
    for length in range(0, len(data), 5):
        refused(data[:length])
    assert "digest" in refused(data[:-1])


def test_space_added_or_taken_away_is_refused():
    data = seal(MADE)
    for other in (data + b" ", b" " + data, data.replace(b": ", b":", 1)):
        assert "digest" in refused(other)


def named(path) -> str:
    """What the message must say: signatures are compared as a whole."""
    return "model.signatures" if path[:2] == ("model", "signatures") and len(path) > 2 else path[-1]


@pytest.mark.parametrize("path", OBJECTS, ids="/".join)
def test_a_missing_key_is_refused_and_named(path):
    for key in at(made(), path):
        less = made()
        del at(less, path)[key]
        assert key in refused(sealed(less)) or named((*path, key)) in refused(sealed(less))


@pytest.mark.parametrize("path", OBJECTS, ids="/".join)
def test_an_unknown_key_is_refused_and_named(path):
    more = made()
    at(more, path)["colour"] = {}
    message = refused(sealed(more))
    assert "colour" in message or named((*path, "colour")) in message


@pytest.mark.parametrize("path", PLACES, ids="/".join)
def test_a_value_of_another_type_or_out_of_range_is_refused_and_its_key_named(path):
    fine = FINE.get("/".join(path), ())
    for wrong in WRONG:
        value = made()
        at(value, path[:-1])[path[-1]] = wrong
        if any(type(wrong) is type(one) and wrong == one for one in fine):
            assert parse(sealed(value)).schema == 2
        elif path == ("digest",):
            refused(json.dumps(value).encode())
        else:
            message = refused(sealed(value))
            assert path[-1] in message or named(path).replace("model.", "") in message


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("image/size", (31, 4097)),
        ("image/pixel_limit", (0, 178_956_971)),
        ("image/contract", ("square-bilinear-hv/2",)),
        ("model/variant", ("float64", "INT8")),
        ("model/features", (0, 65_537, 47)),
        ("model/block", (0, 4097, 5)),
        ("classifier/kappa", (-1e-9,)),
        ("classifier/smoothing", (-1,)),
        ("classifier/transform", ("whitening",)),
        ("classifier/class_prior", ("Uniform",)),
        ("classifier/mean_prior", (False,)),  # and then there is no background to be unknown by
        ("decision/calibration/temperature", (0, -1, 1e-7, 1e16, 1e299, "1e999")),
        ("decision/calibration/confidence", ([0.75, 0.25], [0.5, 0.5], [-0.1, 0.5], [0.5, 1.1], [0.5])),
        ("decision/calibration/sharpness", ([1.0], [1.0, 0.0], [1.0, 1e4], [1.0, "1"])),
        ("decision/tag_set/rule", ("top-k", "cumulative")),
        ("decision/tag_set/threshold", (-0.5, 1e10)),
        ("decision/tag_set/thresholds", ([], [0.5] * 198, [*[0.5] * 198, 0.4], [-1, *[0.5] * 198])),
        ("decision/tag_set/coverage", (-0.1, 1.1, None)),
        ("decision/tag_set/adapt_rate", (-0.1, 1.1)),
        ("decision/unknown/rate", (-0.1, 1.1)),
        ("onnx/decision/calibration/temperature", (0,)),
        ("onnx/decision/tag_set/threshold", (-0.5, 1.000001)),
        ("onnx/decision/tag_set/coverage", (0.9,)),
        ("onnx/decision/tag_set/thresholds", ([0.5] * 199,)),
        ("embedding_space", ("a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n")),
        ("digest", ("A" * 64, "0" * 63)),
        ("name", ("x" * 201, "two\nlines", "\u202etxt", "\x1b[31m", "\x7f")),
        ("files", ({"../evil": {"sha256": "a" * 64, "bytes": 1}}, {"a\\b": {"sha256": "a" * 64, "bytes": 1}})),
    ],
)
def test_an_absurd_value_is_refused_and_its_key_named(path, values):
    for wrong in values:
        value = made()
        put(value, path, wrong)
        key = path.split("/")[-1]
        message = refused(sealed(value))
        assert key in message or (key in ("features", "block") and "signatures" in message)


@pytest.mark.parametrize("schema", [3, 4, BIG])
def test_a_newer_schema_is_refused_before_anything_else_is_looked_at(schema):
    message = refused(json.dumps({"schema": schema, "anything": "else"}).encode())
    assert "update imagetagger" in message
    assert "this imagetagger reads 2" in message


def test_an_older_schema_is_refused_with_the_advice_to_export_anew():
    message = refused(json.dumps({"schema": 1, "calibration": {"temperature": 2.0}}).encode())
    assert message == "manifest.json has schema 1, of an older imagetagger: export the bundle anew"


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_refused(schema):
    assert f"schema {schema}, expected 2" in refused(sealed({**made(), "schema": schema}))


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
    "place", ["decision/calibration/temperature", "decision/tag_set/thresholds", "provenance/seed"]
)
def test_what_is_no_number_is_refused_anywhere(place, number):
    value = made()
    put(value, place, "HERE")
    assert "JSON" in refused(seal_text(json.dumps(value).replace('"HERE"', number).encode()))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [900, 980, 2000, 200_000])
@pytest.mark.parametrize("place", ["schema", "name", "files", "image", "decision/tag_set/threshold"])
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
    assert "surrogates" in refused(sealed(value))


def test_a_manifest_without_end_is_refused():
    value = made()
    value["provenance"]["note"] = "x" * 2**24
    assert "at most 16,777,216" in refused(sealed(value))


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
        assert parse(sealed(changed)).schema == 2


def test_json_keeps_its_values():
    value = {"a": [1, 2.5, None, True, "ü😀"], "b": {}}
    assert load_json(json.dumps(value).encode(), "x") == value
