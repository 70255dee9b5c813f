"""The pictures of a shard and their tags, as img2dataset lays them out.

A .tar file has KEY.jpg, or another picture, beside KEY.json or KEY.txt. A .parquet file has the encoded picture in a
column named jpg, png, webp or image, and the key in the column key. Tags are the field or column "tags" or "keywords",
a list or one text, or else "caption", which KEY.txt is too. A text is split at commas and lines; "bird/finch" is a tag
below another.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from imagetagger.archive.keywords.fields import FIELDS, Keyword
from imagetagger.bundle.names import name_problem
from imagetagger.preprocess import BadImageError, read_encoded
from imagetagger.system.extras import extra_needed
from imagetagger.system.ignored_files import PICTURE_SUFFIXES
from imagetagger.system.printable import printable_text

SHARD_SUFFIXES = (".tar", ".parquet")
PICTURE_COLUMNS = ("jpg", "jpeg", "png", "webp", "image")
TAG_FIELDS = ("tags", "keywords", "caption")
"""The first one that a picture has holds its tags."""
MAX_TEXT_BYTES_OF_PICTURE = 2**20
TAR_END = bytes(1024)
BLOCK_BYTES = 2**20
ROWS_READ = 64
"""Rows of a .parquet file in memory."""


class ShardError(ValueError):
    """A shard, or what was written of it, that cannot be used; the message says why."""


class ShardPicture(NamedTuple):
    """A picture of a shard.

    Attributes:
        key: its name in the shard.
        data: encoded; None if it cannot be used.
        keywords: its tags.
        problem: why it cannot be used; None if it can.
    """

    key: str
    data: bytes | None
    keywords: tuple[Keyword, ...]
    problem: str | None


def find_shards(paths: Iterable[Path]) -> list[Path]:
    """Return shards, and those in folders by name, as absolute paths.

    Raises:
        ShardError: there is none, one is no shard by its name, or two have the same name.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.iterdir() if one.suffix in SHARD_SUFFIXES) if path.is_dir() else [path]
        if not inside or inside[0].suffix not in SHARD_SUFFIXES:
            raise ShardError(f"got {path}, expected a .tar or .parquet file, or a folder of them")
        found += [one.absolute() for one in inside]
    by_name: dict[str, Path] = {}
    for shard in found:
        if (other := by_name.setdefault(shard.name, shard)) != shard:
            raise ShardError(f"got two shards of one name, {other} and {shard}: rename one, or learn from one of them")
    return list(by_name.values())


def check_readable(shards: Iterable[Path]) -> None:
    """End the program with one line if pyarrow is needed and not installed: here, rather than in every worker."""
    if any(shard.suffix == ".parquet" for shard in shards):
        with extra_needed("ray", ".parquet files need"):
            import pyarrow.parquet  # noqa: F401


def read_shard(path: Path) -> Iterator[ShardPicture]:
    """Yield the pictures of a shard, of which only a few are in memory.

    Raises:
        OSError: it cannot be read.
        ShardError: it is damaged, or has no column of pictures.
        SystemExit: it is a .parquet file, and pyarrow is not installed.
    """
    yield from _read_parquet(path) if path.suffix == ".parquet" else _read_tar(path)


def _read_tar(path: Path) -> Iterator[ShardPicture]:
    """Yield what files of one key stand next to each other."""
    key, parts = "", dict[str, Any]()
    try:
        with path.open("rb") as file:
            file.seek(-min(len(TAR_END), path.stat().st_size), io.SEEK_END)
            if file.read() != TAR_END:  # tarfile takes one that was cut for complete
                raise tarfile.ReadError("its end is missing")
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                if not member.isfile():
                    continue
                name = PurePosixPath(member.name)
                stem, _, suffix = name.name.partition(".")
                if (own := printable_text(str(name.parent / stem))) != key and parts:
                    yield _picture(key, parts)
                    parts = {}
                key, kind = own, f".{suffix.lower()}"
                if kind in PICTURE_SUFFIXES:
                    parts["data"] = _read_member(shard, member)
                elif kind in (".json", ".txt") and member.size <= MAX_TEXT_BYTES_OF_PICTURE:
                    parts[kind] = shard.extractfile(member).read()  # type: ignore[union-attr]  # it is a file
                else:
                    parts.setdefault(kind, None)
            _check_end(path, shard.offset)
    except tarfile.TarError as error:
        raise ShardError(f"{path} is not a .tar file, or damaged: {error}") from error
    if parts:
        yield _picture(key, parts)


def _check_end(path: Path, offset: int) -> None:
    """Refuse a .tar file with more than zeros where reading ended: tarfile takes a damaged header for the end."""
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            if block.count(0) != len(block):
                raise tarfile.ReadError(f"it has a damaged header after {offset:,} bytes")


def _read_member(shard: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | str:
    try:
        return read_encoded(shard.extractfile(member))
    except BadImageError as error:
        return str(error)


def _picture(key: str, parts: Mapping[str, Any]) -> ShardPicture:
    data = parts.get("data", "has no picture")
    try:
        fields = {"caption": parts[".txt"].decode("utf-8", "replace")} if parts.get(".txt") else {}
        if parts.get(".json"):
            fields |= msgspec.json.decode(parts[".json"], type=dict[str, Any])
        keywords = parse_tags(fields)
    except (msgspec.MsgspecError, ValueError) as error:
        return ShardPicture(key, None, (), f"its tags cannot be read: {error}")
    return ShardPicture(key, None, keywords, data) if isinstance(data, str) else ShardPicture(key, data, keywords, None)


def _read_parquet(path: Path) -> Iterator[ShardPicture]:
    with extra_needed("ray", ".parquet files need"):
        import pyarrow
        import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as shard:
            names = shard.schema_arrow.names
            column = next((name for name in PICTURE_COLUMNS if name in names), None)
            if column is None:
                raise ShardError(
                    f"{path} has the columns {', '.join(names)}, expected one of {', '.join(PICTURE_COLUMNS)}"
                )
            columns, number = [name for name in names if name in (column, "key", *TAG_FIELDS)], 0
            for batch in shard.iter_batches(ROWS_READ, columns=columns):
                for row in batch.to_pylist():
                    yield _row_picture(str(row.get("key") or number), row[column], row)
                    number += 1
    except pyarrow.ArrowException as error:
        raise ShardError(f"{path} is not a .parquet file, or damaged: {str(error)[:300]}") from error


def _row_picture(key: str, value: Any, fields: Mapping[str, Any]) -> ShardPicture:
    """Return the picture of a row; its value is bytes, or a struct of them as Hugging Face's data sets have it."""
    data = value.get("bytes") if isinstance(value, dict) else value
    try:
        if not isinstance(data, bytes):
            return ShardPicture(key, None, (), "has no picture")
        return ShardPicture(key, read_encoded(io.BytesIO(data)), parse_tags(fields), None)
    except (BadImageError, ValueError) as error:
        return ShardPicture(key, None, (), str(error))


def parse_tags(fields: Mapping[str, Any]) -> tuple[Keyword, ...]:
    """Return the tags among the fields of a picture, each once.

    >>> parse_tags({"caption": "a photo", "tags": ["bird/finch", "sky"]})
    (('bird', 'finch'), ('sky',))
    >>> parse_tags({"caption": "beach, dog"})
    (('beach',), ('dog',))

    Raises:
        ValueError: they are neither a text nor a list of texts.
    """
    value = next((fields[name] for name in TAG_FIELDS if fields.get(name)), "")
    texts = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"got the tags {value!r:.100}, expected a text or a list of texts")
    keywords = dict.fromkeys(FIELDS["digiKam:TagsList"].split(text) for text in texts)
    return tuple(keyword for keyword in keywords if keyword and not any(map(name_problem, keyword)))
