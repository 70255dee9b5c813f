"""Bundles changed and sealed again, as someone who knows the format would: only the contents show the change."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save as save_tensors

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


def with_statistics(files: Mapping[str, bytes], **tensors: np.ndarray) -> dict[str, bytes]:
    """Return statistics.safetensors of these tensors, in the embedding space of a bundle."""
    rows = {key: np.ascontiguousarray(tensor, np.float32) for key, tensor in tensors.items()}
    space = json.loads(files["manifest.json"])["embedding_space"]
    return {"statistics.safetensors": save_tensors(rows, {"embedding_space": space})}
