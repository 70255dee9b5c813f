"""Sound files made unsound: bytes changed, cut, moved and joined, and values of JSON replaced."""

import copy
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import load, save

MAX_EDITS = 6

NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Where integers of files overflow."""

PACKED = tuple(
    struct.pack(order + kind, number)
    for number in NUMBERS
    for kind in "BHI"
    for order in "<>"
    if number < 256 ** struct.calcsize(kind)
)

EXTREMES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e20, -1e19, 1e10, 1e-10, 1e-38, 1e-45, -1.0, 0.0)

ABSURD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**24, 2**31, 2**63, int("9" * 400), 0.5, -1e-300, 1e19, 1e30, 1e308, "NaN"),
    *("", " ", "\x1b[2J", "\u202etxt", "\u200d", "👨‍👩‍👧", "\u3000", "a\nb", "../evil", "x" * 101, "x" * 100_000),
    *([], [[]], {}, [None] * 1000, [0.5] * 199, {"": {}}, {"x": 1}, {str(i): str(i + 1) for i in range(2000)}),
)
"""Values in place of those of a JSON file."""


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of the seeds after up to `MAX_EDITS` edits."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, MAX_EDITS))):
        data = _edit(draw, data, seeds)
    return data


def _edit(draw: st.DrawFn, data: bytes, seeds: tuple[bytes, ...]) -> bytes:
    first, second = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    match draw(st.sampled_from(("flip", "number", "cut", "drop", "repeat", "insert", "splice"))):
        case "flip" if first < len(data):
            return data[:first] + bytes([data[first] ^ 1 << draw(st.integers(0, 7))]) + data[first + 1 :]
        case "number":
            packed = draw(st.sampled_from(PACKED))
            return data[:first] + packed + data[first + len(packed) :]
        case "cut":
            return data[:first]
        case "drop":
            return data[:first] + data[second:]
        case "repeat":
            return data[:second] + data[first:second][:1000] * draw(st.integers(1, 20)) + data[second:]
        case "splice":
            other = draw(st.sampled_from(seeds))
            return data[:first] + other[draw(st.integers(0, len(other))) :]
    return data[:first] + draw(st.binary(max_size=16)) + data[first:]


@st.composite
def mutated_json(draw: st.DrawFn, content: Any) -> bytes:
    """JSON of a content with up to three values replaced, or keys added."""
    changed = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(1, 3))):
        if places := list(_places(changed)):
            *parents, last = draw(st.sampled_from(places))
            inner = changed
            for key in parents:
                inner = inner[key]
            inner[last] = copy.deepcopy(draw(st.sampled_from(ABSURD)))
    return json.dumps(changed).encode()


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a JSON content, and of a key too many in each object."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value[:50]) if isinstance(value, list) else ()
    for key, item in items:
        found += [(*path, key), *_places(item, (*path, key))]
    return found + ([(*path, "strange")] if isinstance(value, dict) else [])


@st.composite
def mutated_tensors(draw: st.DrawFn, data: bytes) -> bytes:
    """Tensors in float32 of which one number, or all from one on, are replaced by one at the end of what there is."""
    tensors = load(data)
    name = draw(st.sampled_from(sorted(tensors)))
    values = tensors[name].ravel()
    first = draw(st.integers(0, values.size - 1))
    values[first : None if draw(st.booleans()) else first + 1] = draw(st.sampled_from(EXTREMES))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return save(tensors, header.get("__metadata__"))


@st.composite
def mutated_members(draw: st.DrawFn, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files with up to two changed, exchanged or taken away."""
    changed = dict(files)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(changed)))
        match draw(st.sampled_from(("bytes", "json", "number", "swap", "remove"))):
            case "json" if name.endswith(".json"):
                changed[name] = draw(mutated_json(json.loads(files[name])))
            case "number" if name.endswith(".safetensors"):
                changed[name] = draw(mutated_tensors(files[name]))
            case "swap":
                other = draw(st.sampled_from(sorted(changed)))
                changed[name], changed[other] = changed[other], changed[name]
            case "remove" if len(changed) > 1:
                del changed[name]
            case _:
                changed[name] = draw(mutated((changed[name],)))
    return changed
