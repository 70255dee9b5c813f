"""Whether a bundle is whole, sealed, of a known schema, and computes here what it computed where it was made."""

import importlib.util
from pathlib import Path

import numpy as np

from imagetagger.bundle import execute, golden
from imagetagger.bundle.manifest import BundleError, Onnx
from imagetagger.bundle.read import Bundle, Rows, few, read, read_rows

MODELS = ("onnx/embed.onnx", "onnx/score.onnx", "onnx/merge.onnx")
STATISTICS, GOLDEN = "onnx/statistics.safetensors", "onnx/golden.safetensors"


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
    if onnx := manifest.onnx:
        if missing := [name for name in (*MODELS, STATISTICS, GOLDEN) if name not in bundle.files]:
            raise BundleError(f"missing from the bundle: {few(missing)}")
        found.append(_check_onnx(bundle, onnx))
    return found


def _check_onnx(bundle: Bundle, onnx: Onnx) -> str:
    """Hold the ONNX models against golden vectors of their own, which LiteRT computed in float32."""
    rows = read_rows(bundle.files[STATISTICS], bundle.manifest, len(bundle.labels), STATISTICS, onnx.embedding_space)
    if importlib.util.find_spec("onnxruntime") is None:
        return "onnx/: statistics are sound; the models were not run, as onnxruntime is not installed"
    entries = golden.entries(bundle)
    vectors = golden.read_vectors(bundle.files[GOLDEN], GOLDEN, len(entries), bundle)
    crops, names = zip(*((golden.crop(bundle, entry), f"onnx/: {entry['file']}") for entry in entries), strict=True)
    try:
        compute, temperature = _onnx_runtime(bundle), onnx.decision.calibration.temperature
        lowest = golden.hold(compute, vectors, crops, names, rows, temperature, golden.COSINE["float32"])
    except BundleError:
        raise
    except Exception as error:  # onnxruntime raises classes of its own, one a status code
        raise BundleError(f"onnx/: {str(error)[:300]}") from error
    return f"onnx/: {len(crops)} golden pictures: cosine at least {lowest:.6f}, scores and lessons equal"


def _onnx_runtime(bundle: Bundle) -> golden.Compute:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    embed, score, merge = (onnxruntime.InferenceSession(bundle.files[name], options) for name in MODELS)

    def score_all(embedding: np.ndarray, rows: Rows) -> np.ndarray:
        blocks = execute.blocks(rows, bundle.manifest.model.block)
        inputs = [{"embedding": embedding[None], **block._asdict()} for block in blocks]
        return np.concatenate([score.run(["log_joint"], one)[0] for one in inputs])[: len(rows.count)]

    def merge_rows(row: Rows, other: Rows) -> Rows:
        others = {f"other_{name}": value for name, value in other._asdict().items()}
        return Rows(*merge.run([f"new_{name}" for name in Rows._fields], {**row._asdict(), **others}))

    return golden.Compute(lambda crop: embed.run(["embedding"], {"image": crop[None]})[0][0], score_all, merge_rows)
