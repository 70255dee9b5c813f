"""Lessons on disk: one .zip that people can open, since it holds their pictures."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as save_tensors

from imagetagger.bundle import execute
from imagetagger.bundle.archive import ArchiveError, read_files, write_zip
from imagetagger.bundle.execute import Executor
from imagetagger.bundle.manifest import BundleError, load_json, typed
from imagetagger.bundle.read import Bundle, read_tensors
from imagetagger.lessons import Edits, LessonError, Lessons, Picture, adopt
from imagetagger.preprocess import BadImageError, preprocess

log = logging.getLogger(__name__)

SCHEMA = 1
KEYS = ("schema", "contains_pictures", "names", "pictures", "edits")
LIMIT = 2**32

README = """This file holds what an image tagger was taught, INCLUDING THE PICTURES it was taught with, as small
squares (pictures/). Share it only with people who may see them.

lessons.json             which picture was taught as what, and changes of the tags
embeddings.safetensors   what the network saw in each picture
pictures/                the squares the network was shown

imagetagger reads it: Tagger.load(bundle, lessons=FILE), or Tagger.unite(FILE) to add it to lessons of your own.
"""


def save(lessons: Lessons, names: Mapping[str, str], path: Path) -> None:
    """Write lessons, whole or not at all: a crash leaves the file that was there.

    Args:
        lessons: to write.
        names: of the tags that they teach, by id, for bundles that lack them.
        path: of the file.
    """
    listed = [
        {"id": key, "embedding_space": picture.space, "tags": list(picture.tags), "missed": picture.missed}
        for key, picture in lessons.pictures.items()
    ]
    edits = lessons.edits
    changes = {"names": dict(edits.names), "merged": dict(edits.merged), "removed": sorted(edits.removed)}
    content = {
        "schema": SCHEMA,
        "contains_pictures": bool(listed),
        "names": dict(names),
        "pictures": listed,
        "edits": changes,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "replace")
    embeddings = {key: np.ascontiguousarray(picture.embedding) for key, picture in lessons.pictures.items()}
    crops = {f"pictures/{key}.png": picture.crop for key, picture in lessons.pictures.items()}
    files = {"README.txt": README.encode(), "lessons.json": text, "embeddings.safetensors": save_tensors(embeddings)}
    write_zip({**files, **crops}, path, private=True)


def load(path: Path) -> tuple[Lessons, dict[str, str]]:
    """Read lessons, and the names of the tags that they teach.

    Raises:
        FileNotFoundError: nothing is there.
        LessonError: damaged, of a newer schema, or something else; says what.
    """
    try:
        files = read_files(path, LIMIT)
        if "lessons.json" not in files:
            raise LessonError("lessons.json is missing: expected a file that Tagger.save wrote")
        return _parse(files)
    except (ArchiveError, BundleError, LessonError) as error:
        raise LessonError(f"{path} cannot be used as lessons: {error}") from error


def load_for(path: Path, bundle: Bundle, executor: Executor) -> Lessons:
    """Read lessons and make them a bundle's: unknown tags added, pictures of another space embedded anew.

    Raises:
        FileNotFoundError, LessonError: like `load`, or a picture does not suit the bundle.
    """
    read_lessons, names = load(path)
    taught, manifest = adopt(read_lessons, bundle.labels, names), bundle.manifest
    pictures = dict(taught.pictures)
    for key, picture in pictures.items():
        if picture.space != manifest.embedding_space:
            try:
                crop = preprocess(picture.crop, manifest.image.size)
            except BadImageError as error:
                raise LessonError(f"{path}: the crop of picture {key} cannot be used: {error}") from error
            pictures[key] = picture._replace(embedding=execute.embed(executor, crop), space=manifest.embedding_space)
        elif len(picture.embedding) != manifest.model.features:
            got = len(picture.embedding)
            raise LessonError(f"{path}: picture {key} has {got} features, expected {manifest.model.features}")
    anew = sum(pictures[key] is not taught.pictures[key] for key in pictures)
    if anew:
        log.info("%s: embedded %d pictures anew for this bundle", path, anew)
    return taught._replace(pictures=pictures)


def _parse(files: dict[str, bytes]) -> tuple[Lessons, dict[str, str]]:
    content = typed(dict[str, Any], load_json(files["lessons.json"], "lessons.json"), "lessons.json")
    schema = typed(int, content.get("schema"), "lessons.json: schema")
    if schema != SCHEMA:
        mend = ": update imagetagger" if schema > SCHEMA else ""
        raise LessonError(f"lessons.json has schema {schema}, this version of imagetagger reads {SCHEMA}{mend}")
    if set(content) != set(KEYS):
        raise LessonError(f"lessons.json: got the keys {', '.join(content)[:200]}, expected {', '.join(KEYS)}")
    embeddings, _ = read_tensors(files.get("embeddings.safetensors", b""), "embeddings.safetensors")
    pictures: dict[str, Picture] = {}
    for item in typed(tuple[dict[str, Any], ...], content["pictures"], "lessons.json: pictures"):
        key, space = (typed(str, item.get(part), f"lessons.json: {part}") for part in ("id", "embedding_space"))
        tags = typed(tuple[str, ...], item.get("tags"), "lessons.json: tags")
        crop, embedding = files.get(f"pictures/{key}.png"), embeddings.get(key)
        if crop is None or embedding is None or not tags or key in pictures:
            raise LessonError(
                f"lessons.json: picture {key[:64]!r} has no tags, no pixels or no embedding, or comes twice"
            )
        if not all(tags):
            raise LessonError(f"lessons.json: picture {key[:64]!r} has a tag whose id is empty")
        if embedding.ndim != 1 or embedding.dtype != np.float32 or not np.isfinite(embedding).all():
            got = f"{embedding.dtype} {embedding.shape}"
            raise LessonError(f"embeddings.safetensors: {key[:64]!r} is {got}, expected finite float32 (D,)")
        missed = item.get("missed")  # which files of older versions lack
        if missed is not None and not 0 <= typed(float, missed, "lessons.json: missed") <= 1:
            raise LessonError(f"lessons.json: missed is {missed}, expected 0 .. 1 or null")
        pictures[key] = Picture(crop, embedding, space, tags, None if missed is None else float(missed))
    edits = typed(dict[str, Any], content["edits"], "lessons.json: edits")
    names, merged = (typed(dict[str, str], edits.get(k), f"lessons.json: {k}") for k in ("names", "merged"))
    removed = typed(tuple[str, ...], edits.get("removed"), "lessons.json: removed")
    lessons = Lessons(pictures, Edits(names, merged, frozenset(removed)))
    return lessons, typed(dict[str, str], content["names"], "lessons.json: names")
