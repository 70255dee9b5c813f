"""Shards of pictures as img2dataset writes them."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from tests.helpers.bundles import SIZE
from tests.helpers.pictures import encode
from tests.helpers.taught import CRIMSON, YELLOW, pixels

KINDS = {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}


class Sample(NamedTuple):
    """A picture of a shard: its key, its bytes and its tags or other fields."""

    key: str
    data: bytes | None
    fields: dict[str, Any]


def samples(shard: int, per_kind: int = 8) -> list[Sample]:
    """Pictures of three kinds, each tagged with its kind below "colour"; no two alike in any shard."""
    made = []
    for i in range(per_kind):
        for kind, colour in KINDS.items():
            number = shard * per_kind + i
            data = encode(Image.fromarray(pixels(colour, number, SIZE)))
            made.append(Sample(f"{len(made):05}", data, {"tags": [f"colour/{kind}"], "caption": "a photo"}))
    return made


def write_tar(path: Path, pictures: Iterable[Sample]) -> Path:
    """Write KEY.jpg, which may be a PNG by its contents, and KEY.json; a caption alone goes into KEY.txt."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for key, data, fields in pictures:
            files = {"jpg": data, "json": json.dumps(fields).encode()}
            if set(fields) == {"caption"}:
                files = {"jpg": data, "txt": fields["caption"].encode()}
            for suffix, contents in files.items():
                if contents is not None:
                    info = tarfile.TarInfo(f"{key}.{suffix}")
                    info.size = len(contents)
                    shard.addfile(info, io.BytesIO(contents))
    return path


def write_parquet(path: Path, pictures: Iterable[Sample], column: str = "jpg") -> Path:
    """Write the columns key, jpg and those of the fields."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"key": key, column: data, **fields} for key, data, fields in pictures]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def write_shards(folder: Path) -> list[Path]:
    """Write three .tar and two .parquet files."""
    tars = [write_tar(folder / f"{i:05}.tar", samples(i)) for i in range(3)]
    return [*tars, *(write_parquet(folder / f"{i:05}.parquet", samples(i)) for i in (3, 4))]
