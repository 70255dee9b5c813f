"""Bundles changed and sealed again, as someone would who knows the format: only the contents can give them away."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagetagger.bundle.manifest import UNSEALED_DIGEST


def seal_text(text: bytes) -> bytes:
    """Seal JSON in which the digest is still 64 zeros."""
    return text.replace(UNSEALED_DIGEST.encode(), hashlib.sha256(text).hexdigest().encode(), 1)


def manifest_of(files: Mapping[str, bytes]) -> dict[str, Any]:
    return json.loads(files["manifest.json"]) | {"digest": UNSEALED_DIGEST}


def sealed(value: Any) -> bytes:
    return seal_text(json.dumps(value).encode())


def reseal(
    files: Mapping[str, bytes],
    changed: Mapping[str, bytes | None] | None = None,
    edit: Callable[[dict[str, Any]], object] = lambda manifest: None,
) -> dict[str, bytes]:
    """Return the files with some replaced (None: removed), the manifest edited, and every digest right again."""
    files_left = {name: data for name, data in {**files, **(changed or {})}.items() if data is not None}
    manifest = manifest_of(files_left)
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in sorted(files_left.items())
        if name != "manifest.json"
    }
    edit(manifest)
    return files_left | {"manifest.json": sealed(manifest)}


def put(value: Any, path: str | Sequence[str], new: Any) -> None:
    """Set value[a][b][c] for the path a/b/c, or (a, b, c)."""
    *parents, last = path.split("/") if isinstance(path, str) else path
    for key in parents:
        value = value[int(key) if isinstance(value, list) else key]
    value[last] = new
