"""Whether a bundle is complete, sealed, of a known schema, and computes here what it computed where it was made.

reader.py checks the files' digests, manifest.py its own; here the model runs.
"""

import importlib.util
from pathlib import Path

import numpy as np

from imagetagger.bundle.executor import load_executor, split_blocks
from imagetagger.bundle.golden import (
    MIN_COSINE,
    ModelFunctions,
    check_golden,
    compare_golden,
    golden_crops,
    read_golden_pictures,
    read_golden_vectors,
)
from imagetagger.bundle.manifest import OnnxInfo
from imagetagger.bundle.reader import Bundle, Rows, read_bundle, read_statistics
from imagetagger.bundle.strict_json import BundleError
from imagetagger.system.printable import first_names

ONNX_MODELS = ("onnx/embed.onnx", "onnx/score.onnx", "onnx/merge.onnx")
ONNX_STATISTICS, ONNX_GOLDEN = "onnx/statistics.safetensors", "onnx/golden.safetensors"


def verify_bundle(path: Path) -> list[str]:
    """Verify a bundle, a folder or .zip; return a line per check.

    Raises:
        FileNotFoundError: there is no such path.
        BundleError: the first check that fails.
    """
    bundle = read_bundle(path)
    manifest = bundle.manifest
    lines = [
        f"{manifest.name}: schema {manifest.schema}, {len(bundle.labels)} tags, {manifest.model.variant}, "
        f"{manifest.image.size} px, embedding space {manifest.embedding_space[:12]}",
        f"{len(manifest.files) + 1} files: sizes, SHA-256 and the manifest's digest are right",
    ]
    executor = load_executor(bundle.files["model.tflite"], manifest)
    lines.append(f"model.tflite: signatures {', '.join(executor.runners)}")
    lines.append(check_golden(bundle, executor))
    if onnx := manifest.onnx:
        if missing := [name for name in (*ONNX_MODELS, ONNX_STATISTICS, ONNX_GOLDEN) if name not in bundle.files]:
            raise BundleError(f"missing from the bundle: {first_names(missing)}")
        lines.append(_check_onnx(bundle, onnx))
    return lines


def _check_onnx(bundle: Bundle, onnx: OnnxInfo) -> str:
    """Compare the ONNX models with their golden vectors, which LiteRT computed in float32."""
    rows, _ = read_statistics(
        bundle.files[ONNX_STATISTICS], bundle.manifest, bundle.labels, ONNX_STATISTICS, onnx.embedding_space
    )
    if importlib.util.find_spec("onnxruntime") is None:
        return "onnx/: statistics are sound; the models were not run: onnxruntime is not installed"
    crops = golden_crops(bundle, read_golden_pictures(bundle))
    vectors = read_golden_vectors(ONNX_GOLDEN, len(crops), bundle)
    try:
        compute, temperature = _onnx_functions(bundle), onnx.decision.calibration.temperature
        lowest = compare_golden(compute, vectors, crops, rows, temperature, MIN_COSINE["float32"])
    except Exception as error:  # onnxruntime has an exception class per status code
        raise BundleError(f"onnx/: {str(error)[:300]}") from error
    return f"onnx/: {len(crops)} golden pictures: cosine at least {lowest:.6f}, scores and lessons equal"


def _onnx_functions(bundle: Bundle) -> ModelFunctions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    embed, score, merge = (onnxruntime.InferenceSession(bundle.files[name], options) for name in ONNX_MODELS)

    def score_all(embedding: np.ndarray, rows: Rows) -> np.ndarray:
        blocks = split_blocks(rows, bundle.manifest.model.block)
        inputs = [{"embedding": embedding[None], **block._asdict()} for block in blocks]
        return np.concatenate([score.run(["log_joint"], feed)[0] for feed in inputs])[: len(rows.count)]

    def merge_rows(row: Rows, other: Rows) -> Rows:
        others = {f"other_{name}": value for name, value in other._asdict().items()}
        return Rows(*merge.run([f"new_{name}" for name in Rows._fields], {**row._asdict(), **others}))

    return ModelFunctions(lambda crop: embed.run(["embedding"], {"image": crop[None]})[0][0], score_all, merge_rows)
