"""Whether a bundle is whole, sealed, of a known schema, and computes here what it computed where it was made."""

import importlib.util
from pathlib import Path

import numpy as np

from imagetagger.bundle import execute, golden
from imagetagger.bundle.manifest import BundleError
from imagetagger.bundle.read import Bundle, few, read, read_rows, read_tensors

ONNX_FILES = ("onnx/embed.onnx", "onnx/score.onnx", "onnx/merge.onnx", "onnx/statistics.safetensors")

SAME = 0.9
"""Least cosine of embed.onnx, which is float32, to the golden embeddings, which may be of an int8 model."""


def verify(path: Path) -> list[str]:
    """Return what was checked and found right, a line each.

    Raises:
        FileNotFoundError: nothing is there.
        BundleError: the first thing that is wrong.
    """
    bundle = read(path)
    manifest = bundle.manifest
    found = [
        f"{manifest.name}: schema {manifest.schema}, {len(bundle.labels)} tags, {manifest.model.variant}, "
        f"{manifest.image.size} px, embedding space {manifest.embedding_space[:12]}",
        f"{len(manifest.files) + 1} files: sizes, SHA-256 and the manifest's digest are right",
    ]
    executor = execute.load(bundle.files["model.tflite"], manifest)
    found.append(f"model.tflite: signatures {', '.join(executor.runners)}")
    found.append(golden.check(bundle, executor))
    if "onnx/embed.onnx" in bundle.files:
        found.append(_check_onnx(bundle))
    return found


def _check_onnx(bundle: Bundle) -> str:
    """Hold the ONNX models against each other and the statistics: tags of the golden pictures by their own pipeline."""
    if missing := [name for name in ONNX_FILES if name not in bundle.files]:
        raise BundleError(f"missing from the bundle: {few(missing)}")
    rows = read_rows(bundle.files[ONNX_FILES[3]], bundle.manifest, len(bundle.labels), ONNX_FILES[3])
    if importlib.util.find_spec("onnxruntime") is None:
        return "onnx/: statistics are sound; the models were not run, as onnxruntime is not installed"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    crops = [golden.crop(bundle, entry) for entry in golden.entries(bundle)]
    tensors, _ = read_tensors(bundle.files["golden/golden.safetensors"], "golden.safetensors")
    try:
        embed, score = (onnxruntime.InferenceSession(bundle.files[name], options) for name in ONNX_FILES[:2])
        onnxruntime.InferenceSession(bundle.files[ONNX_FILES[2]], options)
        embeddings = [embed.run(["embedding"], {"image": crop[None]})[0] for crop in crops]
        for block in execute.blocks(rows, bundle.manifest.model.block):
            score.run(["log_joint"], {"embedding": embeddings[0], **block._asdict()})
        near = [golden.cosine(a[0], b) for a, b in zip(embeddings, tensors["embeddings"], strict=True)]
    except Exception as error:  # onnxruntime raises classes of its own, one a status code
        raise BundleError(f"onnx/: {str(error)[:300]}") from error
    if not np.min(near) >= SAME:
        raise BundleError(f"onnx/embed.onnx has cosine {np.min(near):.5f} to the golden embeddings, expected {SAME}")
    return f"onnx/: {len(crops)} golden pictures, cosine to model.tflite at least {np.min(near):.6f}"
