"""The table of what the gates for files take and refuse: one for Python and the app, tests/gate_cases.json there.

Each case makes one change to a valid file, and says by what it is refused: a part of the error in which `: ` is `.`, as
`labels.json.[1].name`; null where it is taken. The app reads the table by its tests/gate_cases.ts. Changes:

- `set` a value at a path, `times` times where it is a text; `remove` what is there
- `fill` a path with `count` values, or entries of an object, in which # is a number and ## the next one in the circle
- `nest` lists, `depth` deep, at a path; `replace` a text in the JSON
- in a file of tensors, whose header is the JSON: a tensor's `values` get a `value` `at` an index; a file goes `without`
  a tensor or `with` others; bytes are `append`ed; the header claims a `length`
- in an archive: `entries` of so many zeros; all in a `folder`; `without` a file, or one `twice`; one that `claim`s
  a size in the directory; `cut` to a share
"""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from imagetagger.bundle.labels import read_labels, read_terms
from imagetagger.bundle.manifest import parse_manifest
from imagetagger.bundle.reader import read_statistics
from imagetagger.tagger.lesson_file import load_lessons
from tests.helpers.sealing import seal_text

TABLE = json.loads(
    (Path(__file__).parents[2] / "imagetagger/web/app/tests/gate_cases.json").read_text(encoding="utf-8")
)
VALID: dict[str, Any] = TABLE["valid"]
CASES: list[dict[str, Any]] = TABLE["cases"]


def read_case(file: str, change: dict[str, Any], folder: Path) -> None:
    """Read a valid file with a change."""
    labels = read_labels(changed_json(VALID["labels.json"], change if file == "labels.json" else {}))
    if file == "manifest.json":
        parse_manifest(seal_text(changed_json(VALID[file], change)))
    elif file == "terms.json":
        read_terms(changed_json(VALID[file], change), labels)
    elif file == "statistics.safetensors":
        manifest = parse_manifest(seal_text(changed_json(VALID["manifest.json"], {})))
        read_statistics(changed_tensors(VALID[file], change), manifest, labels)
    elif file != "labels.json":
        path = folder / "lessons.zip"
        path.write_bytes(_changed_lessons(file, change))
        load_lessons(path)


def _changed_lessons(file: str, change: dict[str, Any]) -> bytes:
    changes = {
        name: change if name == file else {} for name in ("lessons.json", "embeddings.safetensors", "lessons.zip")
    }
    files = {
        "lessons.json": changed_json(VALID["lessons.json"], changes["lessons.json"]),
        "embeddings.safetensors": changed_tensors(VALID["embeddings.safetensors"], changes["embeddings.safetensors"]),
        f"pictures/{'p' * 64}.png": b"PNG",
        "README.txt": b"Lessons",
    }
    return _changed_archive(files, changes["lessons.zip"])


def changed_json(valid: Any, change: dict[str, Any]) -> bytes:
    """Return JSON of a value with a change."""
    root = {"": json.loads(json.dumps(valid))}
    path = next((change[kind] for kind in ("set", "remove", "fill", "nest") if kind in change), None)
    if path is not None:
        *parents, last = ["", *path]
        inner: Any = root
        for key in parents:
            inner = inner[key]
        if "remove" in change:
            del inner[last]
        else:
            inner[last] = _new_value(change)
    text = json.dumps(root[""], ensure_ascii=False, separators=(",", ":"))
    if "nest" in change:
        text = text.replace('"nested"', "[" * change["depth"] + "]" * change["depth"])
    if "replace" in change:
        old, new = change["replace"]
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode(errors="backslashreplace")  # halves of characters


def _new_value(change: dict[str, Any]) -> Any:
    if "nest" in change:
        return "nested"
    if "fill" not in change:
        return change["value"] * change["times"] if "times" in change else change["value"]
    count = change["count"]
    item = json.dumps(change.get("entry", change.get("value")))
    made = [json.loads(item.replace("##", str((i + 1) % count)).replace("#", str(i))) for i in range(count)]
    return dict(made) if "entry" in change else made


def changed_tensors(valid: dict[str, Any], change: dict[str, Any]) -> bytes:
    """Return a .safetensors file of tensors with a change."""
    tensors = {key: tensor for key, tensor in valid.items() if key != change.get("without")} | change.get("with", {})
    header: dict[str, Any] = {"__metadata__": {"embedding_space": "a" * 64}}
    data = b""
    for key, tensor in tensors.items():
        values = np.array(tensor["values"], np.float32)
        if key == change.get("values"):
            values[change["at"]] = float(change["value"])
        header[key] = {
            "dtype": "F32",
            "shape": tensor["shape"],
            "data_offsets": [len(data), len(data) + values.nbytes],
        }
        data += values.tobytes()
    text = changed_json(header, change)
    length = change.get("length", len(text))
    return struct.pack("<Q", length) + text + data + bytes(change.get("append", 0))


def _changed_archive(files: dict[str, bytes], change: dict[str, Any]) -> bytes:
    """Return a .zip of files with a change, byte by byte, as libraries would not write it."""
    entries = [(name, data) for name, data in files.items() if name != change.get("without")]
    if folder := change.get("folder"):
        entries = [(f"{folder}/{name}", data) for name, data in entries]
    entries += [(name, bytes(size)) for name, size in change.get("entries", {}).items()]
    entries += [(name, data) for name, data in entries if name == change.get("twice")]
    claimed, claim = change.get("claim", ("", 0))
    local, directory = bytearray(), bytearray()
    for name, data in entries:
        packer = zlib.compressobj(9, wbits=-15)
        packed, key = packer.compress(data) + packer.flush(), name.encode()
        sizes = (zlib.crc32(data), len(packed), claim if name == claimed else len(data), len(key), 0)
        common = struct.pack("<HHHHHIIIHH", 20, 0x800, 8, 0, 33, *sizes)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(local)) + key
        local += b"PK\x03\x04" + common + key + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(local), 0)
    made = bytes(local + directory) + b"PK\x05\x06" + end
    return made[: int(len(made) * change.get("cut", 1))]
