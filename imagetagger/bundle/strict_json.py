"""JSON from files, strictly decoded into typed structs: names, counts and magnitudes are checked here, once."""

import json
import re
import reprlib
from typing import Any

import msgspec


class BundleError(ValueError):
    """A bundle that cannot be used; the message says what is wrong with it."""


class _Versioned(msgspec.Struct):
    schema: int


def parse_json(data: bytes, file: str) -> Any:
    """Parse UTF-8 JSON without repeated keys, NaN, infinities, unpaired surrogates or endless nesting.

    Raises:
        BundleError: names the file and the reason.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("an object has a key twice")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    try:
        value = json.loads(data.decode(), object_pairs_hook=unique, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # refuses "\ud800" and 1e999
        return value
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file} is not valid JSON: {str(error)[:300]}") from error


def decode_json(data: bytes, kind: Any, file: str, schema: int | None = None, older_fix: str = "") -> Any:
    """Decode JSON as a type that msgspec knows, of one schema if it is versioned.

    Raises:
        BundleError: names the file, the JSON path, what was got and what was expected. Another schema is refused before
            anything else is looked at: update imagetagger, or `older_fix`.
    """
    value = parse_json(data, file)
    try:
        if schema is not None and (got := msgspec.convert(value, _Versioned).schema) != schema:
            fix = "update imagetagger" if got > schema else older_fix
            raise BundleError(f"{file} has schema {reprlib.repr(got)}, this imagetagger reads {schema}: {fix}")
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem = "".join(c if c.isprintable() else repr(c)[1:-1] for c in _explain(str(error), value)[:400])
        raise BundleError(f"{file}: {problem[:400]}") from error


def _explain(message: str, value: Any) -> str:
    """Turn "Expected `int`, got `str` - at `$.image.size`" into "image.size: got 'x', expected `int`"."""
    text, path = message, ""
    if match := re.fullmatch(r"(.*) - at (`key` in )?`\$(.*)`", message, re.DOTALL):
        text, in_key, path = match[1], match[2], match[3]
        if in_key or "[...]" in path:  # msgspec does not say which key
            return f"{path.lstrip('.')}: {text}"
    try:
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError):  # a key of the file looks like a path
        return message
    if text.startswith("Expected"):
        text = f"got {reprlib.repr(value)}, e{re.sub(', got `.*', '', text)[1:]}"
    return f"{path.lstrip('.')}: {text}" if path else text
