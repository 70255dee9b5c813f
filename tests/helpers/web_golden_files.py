"""Bundles and lesson files for the web app's golden vectors, valid and damaged ones. See web_golden.py."""

import base64
import hashlib
import io
import json
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.archive import read_files
from imagetagger.bundle.manifest import BundleError
from imagetagger.bundle.reader import check_bundle
from imagetagger.prediction.conformal import COVERAGE_LEVELS
from imagetagger.tagger.lesson_file import load_lessons, save_lessons
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    encode_crop,
    picture_id,
)
from tests.helpers.bundles import WHITENED, bundle_files
from tests.helpers.sealing import put, reseal

SPACE = "5" * 64
USED = ("manifest.json", "labels.json", "statistics.safetensors", "model.tflite", "terms.json")
"""The files of a bundle that the app reads; terms.json is in some only."""

LABELS = [
    {"id": "red", "name": "red", "synonyms": ["rouge"]},
    {"id": "n01", "name": "Straße", "synonyms": []},
    {"id": "dog", "name": "\N{DOG FACE}", "synonyms": ["perro", "كلب"]},
]
ROWS = {
    "count": np.array([3, 0, 1], np.float32),
    "mean": np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32),
    "m2": np.random.default_rng(1).random((3, 12)).astype(np.float32) * np.array([[1], [0], [1]], np.float32),
}
BAD_TEXTS = ("a\nb", "a\x07b", "\x1b[2J", "a\x9bb", "a\u2028b", "a\u202eb", "a\u2066b", " \u3000")
"""Refused as a name or an id in any file of a bundle; see name_table.py."""

BAD_NUMBERS = (
    *(("count", 1, value, "Straße") for value in (-1, np.nan, 2.0**24, 1e-30)),
    *(("mean", 2, value, "\N{DOG FACE}") for value in (np.nan, -np.inf, 1.001e6)),
    *(("m2", 0, value, "red") for value in (-1e-30, np.nan, 1e-40, 1.3e13)),
    ("m2", 1, 1e-3, "Straße"),  # it has no pictures
    *(("score_offset", 2, value, "\N{DOG FACE}") for value in (np.nan, -1.001e6)),
)
"""Tensor and row of the statistics, a value that is refused there, and the tag that is named."""

DECISION = {
    "calibration": {"temperature": 2.5, "confidence": [0.3, 0.9], "sharpness": [0.8, 1.2]},
    "prediction_set": {
        **{"rule": "lac", "coverage": 0.75, "threshold": 0.5, "thresholds": [0.5] * len(COVERAGE_LEVELS)},
        "aci_step_size": 0.02,
    },
    "novelty": {"threshold": 3.5, "fpr": 0.05},
}


def valid_bundle() -> dict[str, bytes]:
    """A bundle of the real export whose floating-point contents are replaced: equal on every machine."""
    made = bundle_files("export.onnx=false", *WHITENED)
    stand_ins = {name: None if name.endswith(".png") else name.encode() for name in made}

    def edit(manifest: dict[str, Any]) -> None:
        manifest |= {"embedding_space": SPACE, "decision": DECISION, "provenance": {}, "metrics": {"float32": {}}}
        manifest["classifier"] |= {"variance_prior_strength": 20.0, "var_smoothing": 0.5, "mean_prior": True}

    changed = stand_ins | {"manifest.json": made["manifest.json"], **encode_labels(LABELS), **encode_rows()}
    return reseal(made, changed, edit)


def encode_labels(value: Any) -> dict[str, bytes | None]:
    return {"labels.json": json.dumps(value, ensure_ascii=False).encode()}


def encode_rows(space: str = SPACE, **changes: Any) -> dict[str, bytes | None]:
    tensors = {key: value for key, value in (ROWS | changes).items() if value is not None}
    return {"statistics.safetensors": save_tensors(tensors, {"embedding_space": space})}


def bundle_golden() -> dict[str, Any]:
    """A valid bundle, and damaged files of it with what the app's message must contain."""
    files = valid_bundle()
    made = check_bundle(files)
    assert made.labels[1].name == "Straße"
    wrong = []
    for message, damaged in _wrong_bundles(files):
        assert _refused(lambda d=damaged: check_bundle({**files, **d})), message
        changed = {name: data for name, data in damaged.items() if name in USED and data != files.get(name)}
        wrong.append({"message": message, "files": {name: packed(data) for name, data in changed.items()}})
    return {
        "files": {name: packed(files[name]) for name in USED if name in files},
        "labels": LABELS,
        "rows": {key: value.ravel().tolist() for key, value in ROWS.items()},
        "wrong": wrong,
    }


def _wrong_bundles(files: Mapping[str, bytes]) -> Iterable[tuple[str, dict[str, bytes]]]:
    def flipped(name: str) -> dict[str, bytes]:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        return {name: bytes(data)}

    def sealed(changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
        return reseal(files, changed)

    def edited(path: str | list[str], value: Any) -> dict[str, bytes]:
        return reseal(files, edit=lambda manifest: put(manifest, path, value))

    yield "model.tflite was changed", flipped("model.tflite")
    yield "statistics.safetensors was changed", flipped("statistics.safetensors")
    yield "it was cut or replaced", {"model.tflite": files["model.tflite"][:-1]}
    yield "digest does not match", {"manifest.json": files["manifest.json"].replace(b"0.75", b"0.76", 1)}
    yield "not valid JSON", {"manifest.json": files["manifest.json"][:-9]}
    yield "not valid JSON", {"manifest.json": files["manifest.json"].replace(b"0.75", b" NaN", 1)}
    yield "newer than the app", edited("schema", 4)
    yield "older than the app", edited("schema", 2)
    yield "schema", edited("schema", "3")
    yield "this app knows", edited("image/contract", "square-bilinear-hv/2")
    yield "signatures", edited("model/features", 13)
    yield "signatures", edited("model/signatures/score/inputs/count/dtype", "float64")
    yield "temperature", edited("decision/calibration/temperature", 0)
    yield "ascending", edited("decision/calibration/confidence", [0.9, 0.3])
    yield "for each confidence", edited("decision/calibration/sharpness", [1.0])
    yield "199 ascending", edited("decision/prediction_set/thresholds", [0.5])
    yield "coverage", edited("decision/prediction_set/coverage", None)
    yield "rule", edited("decision/prediction_set/rule", "guess")
    yield "0 .. 1", edited("decision/novelty/fpr", 1.5)
    yield "-1e+30 .. 1e+30", edited("decision/novelty/threshold", 1e31)
    yield "0.001 .. 1000", edited("decision/calibration/sharpness", [0.0005, 1.0])
    yield "one of float32", edited("model/variant", "dynamic")
    yield "0 .. 1e+300", edited("classifier/variance_prior_strength", -1)
    yield "an integer", edited("model/block", 4.5)
    yield "SHA-256", edited(["files", "labels.json", "sha256"], "0")
    yield "background", edited("classifier/mean_prior", False)
    yield "expected the keys", edited("strange", 1)
    yield "image.size", edited("image/size", 31)
    for name in ("a\u202eb", "", "x" * 201):
        yield "1 to 200 characters", edited("name", name)
    yield "a name such as", edited(["files", "../evil"], {"sha256": "0" * 64, "bytes": 1})
    yield "different ids", sealed(encode_labels([*LABELS[:2], LABELS[0]]))
    yield "at least one tag", sealed(encode_labels([]))
    for i, text in enumerate((*BAD_TEXTS, "", "x" * 501)):
        key, value = (("id", text), ("name", text), ("synonyms", ["a", text]))[i % 3]
        yield "1 to 500 characters", sealed(encode_labels([*LABELS[:2], LABELS[2] | {key: value}]))
    yield (
        "expected the keys id, name, synonyms, broader",
        sealed(encode_labels([*LABELS[:2], LABELS[2] | {"colour": "red"}])),
    )
    yield "half a character", sealed({"labels.json": json.dumps([LABELS[0] | {"name": "\ud800"}]).encode()})
    yield "expected (3)", sealed(encode_rows(count=ROWS["count"][:2]))
    yield "expected (2)", sealed(encode_labels(LABELS[:2]))
    for key, row, value, tag in BAD_NUMBERS:
        tensors = ROWS | {"score_offset": np.zeros(3, np.float32)}
        changed = tensors[key].copy()
        changed[row] = value
        yield f'{key} of the tag "{tag}" is ', sealed(encode_rows(**{key: changed}))
    yield "expected one of F32", sealed(encode_rows(mean=ROWS["mean"].astype(np.float64)))
    yield "expected count, m2, mean", sealed(encode_rows(m2=None))
    yield "score_offset is (2), expected (3)", sealed(encode_rows(score_offset=np.zeros(2, np.float32)))
    yield "embedding space", sealed(encode_rows("6" * 64))
    yield "damaged", sealed({"statistics.safetensors": files["statistics.safetensors"] + b"more"})
    yield "damaged", sealed({"statistics.safetensors": b"short"})


def lesson_file_golden() -> dict[str, Any]:
    """Files of lessons: valid ones with their contents, others with what the app's message must contain."""
    crops = [np.full((8, 8, 3), i, np.uint8) for i in range(2)]
    taught = [(("n01", "red"), 1 / 3), (("user:\N{DOG FACE}",), None)]
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(len(crops), 5)).astype(np.float32)
    pictures = {
        picture_id(Image.fromarray(crop)): TaughtPicture(encode_crop(crop), embedding, SPACE, tags, missed)
        for crop, embedding, (tags, missed) in zip(crops, embeddings, taught, strict=True)
    }
    edits = VocabularyEdits(
        {"user:\N{DOG FACE}": "\N{DOG FACE}", "red": "rouge"},
        {"blue": "red"},
        frozenset({"green", "n02"}),
        frozenset({"n03", "n02"}),
    )
    names = {"red": "rouge", "n01": "crimson"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lessons.zip"
        save_lessons(Lessons(pictures, edits), names, path)
        data, files = path.read_bytes(), read_files(path, 2**20)
        save_lessons(NO_LESSONS, {}, path)
        valid = [data, path.read_bytes(), *_repacked(files), _with_marks(files)]
        wrong = [*_wrong_files(files, data)]
        for message, bad in wrong:
            path.write_bytes(bad)
            assert _refused(lambda: load_lessons(path)), message
        return {
            "valid": [{"zip": packed(file), "contents": _read(file, path)} for file in valid],
            "wrong": [{"message": message, "zip": packed(bad)} for message, bad in wrong],
        }


def _read(data: bytes, path: Path) -> dict[str, Any]:
    path.write_bytes(data)
    return contents(*load_lessons(path))


def contents(taught: Lessons, names: Mapping[str, str]) -> dict[str, Any]:
    """Lessons as JSON."""
    return {
        "pictures": [
            [key, p.space, list(p.tags), p.missed, p.embedding.tolist(), hashlib.sha256(p.crop).hexdigest()]
            for key, p in taught.pictures.items()
        ],
        "names": dict(names),
        "edits": [dict(taught.edits.names), dict(taught.edits.merged), *map(sorted, taught.edits[2:])],
    }


def _repacked(files: Mapping[str, bytes]) -> Iterable[bytes]:
    """Lessons packed again as a folder on a desktop, and lessons of an older version."""
    ignored = {"__MACOSX/._lessons": b"", "mine/.DS_Store": b"x", "mine/": b"", "mine/pictures/": b""}
    yield _zip({f"mine/{name}": data for name, data in files.items()} | ignored, zipfile.ZIP_DEFLATED)
    older = json.loads(files["lessons.json"])
    for item in older["pictures"]:
        del item["missed"]
    del older["edits"]["hidden"]
    yield _zip({**files, "lessons.json": json.dumps(older).encode()})


def _with_marks(files: Mapping[str, bytes]) -> bytes:
    """Lessons of an earlier version, which took names with control characters and marks that messengers put there."""
    content = json.loads(files["lessons.json"])
    content["names"] |= {"user:\u2068anna\u2069": "\u2068Anna\u2069", "user:\x07": "\u2066 \u2069", "n01": "\x9b"}
    content["pictures"][0]["tags"] += ["user:\u2068anna\u2069", "user:anna"]
    content["edits"]["names"] |= {"user:\u2068anna\u2069": "An\u202ena", "user:anna": "\u2028Anna"}
    content["edits"]["merged"] |= {"\u2066old": "user:\u2068anna\u2069", "user:\u2067anna": "user:anna"}
    content["edits"]["removed"] += ["\u2066gone\u2069", "gone"]
    content["edits"]["hidden"] += ["hi\x1bdden"]
    return _zip({**files, "lessons.json": json.dumps(content).encode()})


def _zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def _wrong_files(files: Mapping[str, bytes], data: bytes) -> Iterable[tuple[str, bytes]]:
    crop = next(name for name in files if name.endswith(".png"))
    key = crop.removeprefix("pictures/").removesuffix(".png")

    def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
        content = json.loads(files["lessons.json"])
        change(content)
        return _zip({**files, "lessons.json": json.dumps(content).encode()})

    def patched(offset: int, value: bytes, extra: Mapping[str, bytes] | None = None) -> bytes:
        """Changed in the first entry of the directory."""
        changed = bytearray(_zip(files | (extra or {}), zipfile.ZIP_DEFLATED))
        at = changed.index(b"PK\x01\x02") + offset
        changed[at : at + len(value)] = value
        return bytes(changed)

    def member(value: int, **changes: Any) -> Callable[[dict[str, Any]], object]:
        return lambda content: content["pictures"][value].update(changes)

    at = data.index(files[crop]) + len(files[crop]) // 2
    yield "checksum", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    yield "not a .zip file", data[: len(data) // 2]
    yield "not a .zip file", data[:-1]
    yield "not a .zip file", files[crop]
    yield "not a .zip file", b""
    yield "damaged", data[100:]
    yield "a bundle", _zip({"manifest.json": b"{}", "model.tflite": b""})
    yield "lessons.json is missing", _zip({"README.txt": b"hello"})
    yield "reload the app", edited(lambda content: content.update(schema=2))
    yield "schema", edited(lambda content: content.update(schema="1"))
    yield "expected the keys", edited(lambda content: content.pop("names"))
    yield "bytes when unpacked", patched(24, b"\xf0\xff\xff\xff")
    yield "encrypted", patched(8, b"\x01")
    yield "link", patched(38, ((stat.S_IFLNK | 0o777) << 16).to_bytes(4, "little"))
    yield "method 12", patched(10, b"\x0c")
    yield "strange name", _zip({**files, "../evil": b""})
    yield "strange name", _zip({**files, "pictures/ä.png": b""})
    yield "twice", _twice(files)
    yield "no pixels", _zip({name: file for name, file in files.items() if name != crop})
    yield "no embedding", _zip({**files, "embeddings.safetensors": save_tensors({})})
    yield "not a .safetensors file", _zip({name: file for name, file in files.items() if "embeddings" not in name})
    yield "at least one of its tags", edited(member(0, tags=[]))
    yield "comes twice", edited(lambda content: content["pictures"].append(content["pictures"][0]))
    yield "expected 0 .. 1", edited(member(0, missed=1.5))
    yield "tags", edited(member(1, tags="red"))
    yield "expected the keys", edited(member(1, colour="red"))
    yield "true or false", edited(lambda content: content.update(contains_pictures="yes"))
    yield "merged", edited(lambda content: content["edits"].update(merged=[]))
    yield "removed", edited(lambda content: content["edits"].update(removed=[1]))
    yield "hidden", edited(lambda content: content["edits"].update(hidden="n02"))
    yield "half a character", edited(lambda content: content["names"].update(x="\udc00"))
    for value in (np.nan, -1e19, 1.001e6):
        embedding = np.array([0, 1, value, 0, 0], np.float32)
        yield "from -1000000 to 1000000", _zip({**files, "embeddings.safetensors": _embeddings(files, key, embedding)})
    for text in ("\u2066 \u2069", "", "x" * 501):
        places = (
            lambda content, text=text: content["names"].update({text: "x"}),
            lambda content, text=text: content["edits"]["names"].update({text: "x"}),
            lambda content, text=text: content["edits"]["merged"].update(x=text),
            lambda content, text=text: content["edits"]["removed"].append(text),
            member(0, tags=[text]),
        )
        yield from (("1 to 500 characters", edited(place)) for place in places)
    yield "at most 100000 entries", edited(lambda content: content["edits"].update(removed=["x"] * 100_001))
    yield "at most 100 entries", edited(member(0, tags=["x"] * 101))
    yield "values", edited(lambda content: content.update(pictures=[0] * 500_001))
    yield "MiB when unpacked", _zip({**files, "pictures/x.png": bytes(2**25)}, zipfile.ZIP_DEFLATED)
    yield (
        "expected float32 (D)",
        _zip({**files, "embeddings.safetensors": _embeddings(files, key, np.zeros((5, 1), np.float32))}),
    )


def _embeddings(files: Mapping[str, bytes], key: str, value: np.ndarray) -> bytes:
    from safetensors.numpy import load as load_tensors

    return save_tensors({**load_tensors(files["embeddings.safetensors"]), key: value})


def _twice(files: Mapping[str, bytes]) -> bytes:
    """One name twice: zipfile warns about it, so the second one is renamed afterwards."""
    changed = _zip({**files, "README.tx_": b""})
    return changed.replace(b"README.tx_", b"README.txt")


def packed(data: bytes) -> str:
    """Bytes as text for JSON."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def _refused(read: Callable[[], Any]) -> bool:
    try:
        read()
    except (BundleError, LessonError):
        return True
    return False
