"""From evaluated variants to the files of a bundle, checked as the user will run them."""

import hashlib
import io
import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import msgspec
import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from imagetagger.bundle import manifest
from imagetagger.bundle.executor import embed_image, load_executor, score_rows
from imagetagger.bundle.golden import (
    MIN_COSINE,
    append_empty_row,
    compute_golden_vectors,
    cosine_similarity,
    litert_functions,
    make_golden_files,
    score_tolerance,
)
from imagetagger.bundle.labels import Term
from imagetagger.bundle.reader import Rows, check_bundle
from imagetagger.classifier.fit import score_embeddings
from imagetagger.classifier.whitening import apply_transform
from imagetagger.config.schema import ClassifierConfig, ExportConfig
from imagetagger.convert.onnx import to_onnx
from imagetagger.convert.quantize import embedding_space
from imagetagger.convert.signatures import convert_classifier, convert_transform
from imagetagger.convert.tflite_graph import combine, compose
from imagetagger.data.dataset import DatasetTag, Split, read_listed
from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.export.model_card import model_card
from imagetagger.export.parity import ExportError, check_parity
from imagetagger.export.variants import VariantEvaluation
from imagetagger.options import Variant
from imagetagger.prediction.predict import log_class_prior, score_novelty
from imagetagger.preprocess import CONTRACT, BadImageError, preprocess
from imagetagger.system.printable import first_names

log = logging.getLogger(__name__)

CHECKED_PICTURES = 100
"""Validation pictures that the finished bundle is checked on."""


class BundleOrigin(NamedTuple):
    """What a manifest has to describe a bundle: where it comes from, and how good it is.

    Attributes:
        name: of the bundle.
        size: side of the network's input, in pixels.
        pixel_limit: of pictures.
        metrics: of each evaluated variant.
        provenance: JSON of settings, versions, network and data.
        warnings: of the run.
    """

    name: str
    size: int
    pixel_limit: int
    metrics: dict[str, dict[str, Any]]
    provenance: dict[str, Any]
    warnings: Sequence[str] = ()


def assemble_bundle(
    export: ExportConfig,
    classifier: ClassifierConfig,
    description: BundleOrigin,
    tags: Sequence[DatasetTag],
    variants: Mapping[Variant, VariantEvaluation],
    validation: Split,
    terms: Sequence[Term] = (),
) -> dict[str, bytes]:
    """Make the files of the bundle with the variant `export.bundle_variant`.

    Raises:
        ExportError: a variant is too far from float32, or the finished bundle does not do what was evaluated.
        BundleError: the bundle is not valid, as when a tag's name has control characters.
    """
    check_parity(
        {name: other.parity for name, other in variants.items() if other.parity and name != "float32"},
        min_cosine=export.min_cosine,
        max_top1_loss=export.max_top1_loss,
        strict_parity_pictures=export.strict_parity_pictures,
    )
    variant: Variant = export.bundle_variant  # type: ignore[assignment]  # checked by config
    bundled, float32 = variants[variant], variants["float32"]
    network = _network(bundled)
    space = embedding_space(network)
    files = {
        "model.tflite": combine([network, *_classifier(export, classifier, bundled).values()]),
        "statistics.safetensors": _statistics(bundled, space),
        "labels.json": _json([_label(tag) for tag in tags]),
    }
    if terms:
        files["terms.json"] = _json([msgspec.to_builtins(term) for term in terms])
    features = bundled.classifier.statistics.mean.shape[1]
    float32_network = _network(float32, "float32") if export.onnx else b""
    strength = classifier.variance_prior_strength
    unsealed = manifest.Manifest(
        schema=manifest.MANIFEST_SCHEMA,
        name=description.name,
        digest=manifest.UNSEALED_DIGEST,
        embedding_space=space,
        files={},
        image=manifest.ImageContract(CONTRACT, description.size, description.pixel_limit),
        model=manifest.ModelInfo(
            variant=variant,
            features=features,
            block=export.block,
            quantization=_quantization(export, bundled.evaluation.train) if variant == "int8" else None,
            signatures=manifest.model_signatures(description.size, features, export.block),
        ),
        classifier=manifest.ClassifierInfo(
            transform=classifier.transform,  # type: ignore[arg-type]  # checked by config
            variance_prior_strength=strength if math.isfinite(strength) else None,
            var_smoothing=classifier.var_smoothing,
            class_prior=classifier.class_prior,  # type: ignore[arg-type]  # checked by config
            mean_prior=bundled.classifier.prior.mean is not None,
        ),
        decision=bundled.decision,
        onnx=manifest.OnnxInfo(embedding_space(float32_network), float32.decision) if export.onnx else None,
        metrics=description.metrics,
        provenance=description.provenance,
    )
    functions = litert_functions(load_executor(files["model.tflite"], unsealed))
    files |= make_golden_files(golden_pictures(), functions, unsealed, _rows(bundled), bundled.classifier.score_offset)
    if export.onnx:
        files |= onnx_files(float32_network, _classifier(export, classifier, float32), float32, unsealed)
    train = bundled.bundled.train if bundled.bundled else None
    files["MODEL_CARD.md"] = model_card(unsealed, bundled.parity, train, description.warnings, len(terms)).encode()
    listed = {
        name: manifest.ListedFile(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())
    }
    files["manifest.json"] = manifest.seal_manifest(msgspec.structs.replace(unsealed, files=listed))
    check_assembled(files, bundled, validation)
    return files


def onnx_files(
    network: bytes, classifier: dict[str, bytes], float32: VariantEvaluation, unsealed: manifest.Manifest
) -> dict[str, bytes]:
    """The files of onnx/: the float32 models, their statistics, and golden vectors that LiteRT computes."""
    models = {"embed": network, **classifier}
    functions = litert_functions(load_executor(combine([*models.values()]), unsealed))
    crops = [preprocess(data, unsealed.image.size) for data in golden_pictures().values()]
    files = {f"onnx/{name}.onnx": to_onnx(model) for name, model in models.items()}
    files["onnx/statistics.safetensors"] = _statistics(float32, embedding_space(network))
    files["onnx/golden.safetensors"] = save_tensors(compute_golden_vectors(functions, crops, _rows(float32)))
    return files


def check_assembled(files: dict[str, bytes], bundled: VariantEvaluation, validation: Split) -> None:
    """Check that the finished bundle computes the embeddings and scores that were evaluated.

    Pictures go the user's way: decoded, cropped, embedded and scored by the files themselves. Embeddings may come from
    a cache that another processor filled, so scores are compared for the same embedding.

    Raises:
        ExportError: the embedding or the scores of a picture differ too much.
    """
    bundle = check_bundle(files)
    if not validation.ids:
        return
    executor, image = load_executor(files["model.tflite"], bundle.manifest), bundle.manifest.image
    classifier, checked = bundled.classifier, bundled.evaluation.data.embeddings[:CHECKED_PICTURES]
    embeddings = np.asarray(apply_transform(classifier.transform, jax.device_put(checked)))
    expected_scores = score_embeddings(classifier, checked)
    has_pictures = bundle.rows.count > 0  # a tag without pictures scores as the background, if there is one
    log_prior = log_class_prior(bundle.rows.count, bundle.manifest.classifier.class_prior)
    temperature = bundled.decision.calibration.temperature
    changed = []
    for i in range(min(CHECKED_PICTURES, len(validation.ids))):
        expected = expected_scores.log_joint[i]
        try:
            crop = preprocess(read_listed(validation, i), image.size, image.pixel_limit)
        except BadImageError:  # gone or replaced since it was embedded
            changed.append(validation.keys[i])
            continue
        embedded = embed_image(executor, crop)
        cosine = cosine_similarity(embedded, embeddings[i])
        scores = score_rows(executor, embeddings[i], append_empty_row(bundle.rows))
        scores[:-1] += bundle.score_offset
        # A uniform class prior is a constant that the bundle leaves out.
        difference = float(np.ptp(scores[:-1][has_pictures] - expected[has_pictures]))
        if expected_scores.background is not None:
            novelty = score_novelty(scores[None, :-1], scores[-1:], log_prior)
            background = expected_scores.background[i : i + 1]
            expected_novelty = score_novelty(expected[None], background, classifier.log_prior)
            difference = max(difference, abs(float(novelty[0] - expected_novelty[0])))
        is_near = cosine >= MIN_COSINE[bundle.manifest.model.variant]
        if not (is_near and difference <= score_tolerance(expected, temperature)):
            raise ExportError(
                f"the bundle does not do what was evaluated: at {validation.keys[i]} its embedding has cosine "
                f"{cosine:.6f} to the evaluated one, and its scores differ by {difference:.1e}. Delete the cache "
                "(imagetagger cache clear), and run again."
            )
    if changed:
        log.warning("the bundle was not checked on pictures that changed during the run: %s", first_names(changed))


def golden_pictures() -> dict[str, bytes]:
    """Generated pictures as PNG: wide and tall, colour, grey and transparent."""
    sizes = ((320, 240), (160, 300), (257, 256), (96, 96))
    pictures = {}
    for i, (mode, size) in enumerate(zip(("RGB", "L", "RGBA", "RGB"), sizes, strict=True)):
        tag = DRAWING_TAGS[3 * i % len(DRAWING_TAGS)]
        image = draw_picture(tag, np.random.default_rng(i), max(size)).crop((0, 0, *size)).convert(mode)
        if mode == "RGBA":
            image.putalpha(Image.linear_gradient("L").resize(size))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        pictures[f"{i}.png"] = buffer.getvalue()
    return pictures


def _quantization(export: ExportConfig, train: int) -> dict[str, Any]:
    available = train if export.calibration_source == "pictures" else export.calibration_pictures
    return {
        "calibration_pictures": min(export.calibration_pictures, available),
        "calibration_source": export.calibration_source,
        "weights": "int8 per channel",
        "activations": "int8",
        "biases": "corrected for rounded weights",
    }


def _network(variant: VariantEvaluation, matrix: Variant = "float16") -> bytes:
    """The .tflite file with signature `embed`, the transform of its embeddings inside."""
    network, transform = variant.model, variant.classifier.transform
    return compose(network, convert_transform(transform, matrix)) if transform else network


def _classifier(export: ExportConfig, classifier: ClassifierConfig, variant: VariantEvaluation) -> dict[str, bytes]:
    prior, class_prior = variant.classifier.prior, classifier.class_prior
    return convert_classifier(prior, class_prior, export.block)  # type: ignore[arg-type]  # checked by config


def _rows(variant: VariantEvaluation) -> Rows:
    return Rows(*map(np.asarray, variant.classifier.statistics))


def _statistics(variant: VariantEvaluation, space: str) -> bytes:
    tensors, offset = _rows(variant)._asdict(), variant.classifier.score_offset
    if offset.any():
        tensors["score_offset"] = offset
    return save_tensors(tensors, {"embedding_space": space})


def _label(tag: DatasetTag) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": tag.id, "name": tag.name, "synonyms": list(tag.synonyms)}
    return entry | ({"broader": list(tag.broader)} if tag.broader else {})


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
