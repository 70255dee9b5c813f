"""JSON from files, strictly decoded into typed structs: names, counts and magnitudes are checked here, once."""

import json
import re
import reprlib
from typing import Any

import msgspec

from imagetagger.system.printable import printable_text

MAX_JSON_BYTES = 2**26
"""Bytes of one file."""

MAX_JSON_VALUES = 500_000
"""Values in one file, six for a picture of lessons: every text takes some 100 bytes of memory, however short it is."""


MAX_JSON_DEPTH = 100
"""Lists and objects inside of each other: parsers of other languages have limits of their own, and manifests 5."""

_FLAT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^][{}"]+', re.DOTALL)
"""Texts, and all else that neither opens nor closes anything."""


class BundleError(ValueError):
    """A bundle that cannot be used; the message says what is wrong with it."""


class _Versioned(msgspec.Struct):
    schema: int


def decode_json(data: bytes, kind: Any, file: str, schema: int | None = None, older_fix: str = "") -> Any:
    """Decode JSON as a type that msgspec knows, of one schema if it is versioned.

    Raises:
        BundleError: names the file, the JSON path, what was got and what was expected. Another schema is refused before
            anything else is looked at: update imagetagger, or `older_fix`.
    """
    check_json(data, file)
    try:
        got = None if schema is None else msgspec.json.decode(data, type=_Versioned).schema
        if got is None or schema is None or got == schema:
            return msgspec.json.decode(data, type=kind)  # from bytes: without a tree of everything that is in the file
    except msgspec.ValidationError as error:
        raise BundleError(f"{file}: {printable_text(_explain(str(error), data)[:400])[:400]}") from error
    except (ValueError, RecursionError) as error:  # Python's parser took it: halves of characters are all that is left
        raise _invalid(file, "a text has half a character, an unpaired surrogate") from error
    fix = "update imagetagger" if got > schema else older_fix
    raise BundleError(f"{file} has schema {reprlib.repr(got)}, this imagetagger reads {schema}: {fix}")


def check_json(data: bytes, file: str, most: int | None = None) -> None:
    """Check that bytes are UTF-8 JSON of bounded size, without repeated keys, NaN or endless nesting.

    Objects are dropped as soon as their keys are compared, so that this takes little memory.

    Args:
        data: of the file.
        file: its name.
        most: number of values; None for MAX_JSON_VALUES.

    Raises:
        BundleError: names the file and the reason.
    """
    if len(data) > MAX_JSON_BYTES:
        raise BundleError(f"{file} has {len(data):,} bytes, expected at most {MAX_JSON_BYTES:,}")
    values = data.count(b",") + data.count(b"[") + data.count(b"{")  # an upper bound: texts may hold these too
    most = MAX_JSON_VALUES if most is None else most
    if values > most:
        raise BundleError(f"{file} has about {values:,} values, expected at most {most:,}")

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    try:
        json.loads(data.decode(), object_pairs_hook=_check_keys, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise _invalid(file, error) from error
    if _is_deeper(data, MAX_JSON_DEPTH):
        raise _invalid(file, f"lists and objects are nested deeper than {MAX_JSON_DEPTH}")


def _is_deeper(data: bytes, depth: int) -> bool:
    """Whether something is left of valid JSON after its innermost lists and objects are taken out so many times."""
    brackets = _FLAT.sub(b"", data).translate(bytes.maketrans(b"{}", b"[]"))
    for _ in range(depth):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("an object has a key twice")


def _invalid(file: str, error: object) -> BundleError:
    return BundleError(f"{file} is not valid JSON: {printable_text(str(error)[:300])}")


def _explain(message: str, data: bytes) -> str:
    """Turn "Expected `int`, got `str` - at `$.image.size`" into "image.size: got 'x', expected `int`"."""
    text, path = message, ""
    if match := re.fullmatch(r"(.*) - at (`key` in )?`\$(.*)`", message, re.DOTALL):
        text, in_key, path = match[1], match[2], match[3]
        if in_key or "[...]" in path:  # msgspec does not say which key
            return f"{path.lstrip('.')}: {text}"
    value = json.loads(data)
    try:
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError):  # a key of the file looks like a path
        return message
    if text.startswith("Expected"):
        text = f"got {reprlib.repr(value)}, e{re.sub(', got `.*', '', text)[1:]}"
    return f"{path.lstrip('.')}: {text}" if path else text
