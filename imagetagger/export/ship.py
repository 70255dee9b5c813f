"""From measured variants to the files of a bundle, checked as the user will run them."""

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any

import jax
import numpy as np
from PIL import Image
from safetensors.numpy import save as save_tensors

from imagetagger import transform, unknown
from imagetagger.backbone.model import Backbone
from imagetagger.backbone.weights import PRETRAINED
from imagetagger.bundle import execute, golden, manifest, read
from imagetagger.bundle.manifest import Variant
from imagetagger.config import Experiment
from imagetagger.data.dataset import Split, Tag
from imagetagger.data.drawings import TAGS, draw
from imagetagger.export import gate
from imagetagger.export.card import model_card
from imagetagger.export.gate import ExportError
from imagetagger.export.join import chain, join
from imagetagger.export.onnx import to_onnx
from imagetagger.export.quantize import embedding_space
from imagetagger.export.signatures import convert_classifier, convert_transform
from imagetagger.export.variants import Measurement
from imagetagger.preprocess import CONTRACT, preprocess
from imagetagger.result import finite

CHECKED = 100
"""Validation pictures that the finished bundle is tried on."""


def assemble(
    settings: Experiment,
    result: Mapping[str, Any],
    backbone: Backbone,
    tags: Sequence[Tag],
    found: Mapping[Variant, Measurement],
    validation: Split,
) -> dict[str, bytes]:
    """Return the files of the bundle that `export.ship` asks for.

    Raises:
        ExportError: a variant fails the gate, or the finished bundle does not do what was measured.
        BundleError: it is not sound, as when a tag's name has no printable characters.
    """
    export, classifier = settings.export, settings.classifier
    gate.check(
        {name: one.parity for name, one in found.items() if one.parity and name != "float32"},
        min_cosine=export.min_cosine,
        max_top1_loss=export.max_top1_loss,
        gate_pictures=export.gate_pictures,
    )
    shipped: Measurement = next(one for variant, one in found.items() if variant == export.ship)
    network = _network(shipped)
    space = embedding_space(network)
    floating = found["float32"]
    floating_network = _network(floating, "float32") if export.onnx else b""
    files = {
        "model.tflite": join([network, *_classifier(settings, shipped).values()]),
        "statistics.safetensors": _statistics(shipped, space),
        "labels.json": _json([{"id": tag.id, "name": tag.name, "synonyms": list(tag.synonyms)} for tag in tags]),
    }
    features, size = shipped.measured.fitted.statistics.mean.shape[1], settings.backbone.resolution
    calibrated = {
        "calibration_pictures": min(export.calibration_pictures, result["data"]["train"]),
        "weights": "int8 per channel",
        "activations": "int8",
        "biases": "corrected for rounded weights",
    }
    unsealed = manifest.Manifest(
        schema=manifest.SCHEMA,
        name=settings.experiment,
        digest=manifest.UNSEALED,
        embedding_space=space,
        files={},
        image=manifest.ImageContract(CONTRACT, size, settings.data.pixel_limit),
        model=manifest.Model(
            variant=export.ship,  # type: ignore[arg-type]  # config.CHOICES holds it to these
            features=features,
            block=export.block,
            quantization=calibrated if export.ship == "int8" else None,
            signatures=manifest.signatures(size, features, export.block),
        ),
        classifier=manifest.Classifier(
            transform=classifier.transform,  # type: ignore[arg-type]  # config.CHOICES, as above
            kappa=classifier.kappa if math.isfinite(classifier.kappa) else None,
            smoothing=classifier.smoothing,
            class_prior=classifier.class_prior,  # type: ignore[arg-type]  # likewise
            mean_prior=classifier.mean_floor is not None,
        ),
        decision=shipped.measured.decision,
        onnx=manifest.Onnx(embedding_space(floating_network), floating.measured.decision) if export.onnx else None,
        metrics=finite({name: result["variants"][name] for name in found}),
        provenance=_provenance(settings, result, backbone),
    )
    compute = golden.litert(execute.load(files["model.tflite"], unsealed))
    files |= golden.make(golden_pictures(), compute, unsealed, _rows(shipped))
    if export.onnx:
        files |= onnx_files(settings, floating, floating_network, unsealed)
    files["MODEL_CARD.md"] = model_card(unsealed, result).encode()
    listed = {name: manifest.File(hashlib.sha256(data).hexdigest(), len(data)) for name, data in sorted(files.items())}
    files["manifest.json"] = manifest.seal(replace(unsealed, files=listed))
    check_shipped(files, shipped, validation)
    return files


def onnx_files(
    settings: Experiment, floating: Measurement, network: bytes, unsealed: manifest.Manifest
) -> dict[str, bytes]:
    """Return the files of onnx/: the float32 models, their statistics, and what LiteRT makes of the golden pictures."""
    models = {"embed": network, **_classifier(settings, floating)}
    compute = golden.litert(execute.load(join([*models.values()]), unsealed))
    crops = [preprocess(data, unsealed.image.size) for data in golden_pictures().values()]
    files = {f"onnx/{name}.onnx": to_onnx(model) for name, model in models.items()}
    files["onnx/statistics.safetensors"] = _statistics(floating, embedding_space(network))
    files["onnx/golden.safetensors"] = save_tensors(golden.vectors(compute, crops, _rows(floating)))
    return files


def check_shipped(files: dict[str, bytes], shipped: Measurement, validation: Split) -> None:
    """Raise ExportError where the finished bundle does not give the embeddings and scores that were measured.

    Pictures go the user's way: decoded, cropped, embedded and scored by the files themselves. Embeddings may come from
    a cache that another processor filled, so scores are compared given the same one.
    """
    bundle = read.check(files)
    executor, contract = execute.load(files["model.tflite"], bundle.manifest), bundle.manifest.image
    golden.check(bundle, executor)
    fits, counts = shipped.measured.scores.fits, np.maximum(bundle.rows.count, 1)
    counted = np.log(counts) if bundle.manifest.classifier.class_prior == "counts" else np.zeros(len(counts))
    checked = shipped.measured.embeddings[:CHECKED]
    embeddings = np.asarray(transform.apply(shipped.measured.fitted.transform, jax.device_put(checked)))
    for i in range(min(CHECKED, len(validation.ids))):
        crop = preprocess(validation.read(i), contract.size, contract.pixel_limit)
        embedding, wanted = embeddings[i], shipped.measured.scores.log_joint[i]
        near = golden.cosine(execute.embed(executor, crop), embedding)
        told = execute.score_all(executor, embedding, golden.and_blank(bundle.rows))
        scores, background = told[:-1], told[-1:]
        seen = bundle.rows.count > 0  # a tag without pictures scores as the background, where there is one
        # A uniform class prior is a constant that the bundle leaves out.
        apart = float(np.ptp(scores[seen] - wanted[seen]))
        if fits is not None:
            fit = unknown.fit_of((scores - counted)[seen][None], background)[0]
            apart = max(apart, abs(float(fit - fits[i])))
        allowed = golden.tolerance(wanted, shipped.measured.decision.calibration.temperature)
        if near < golden.COSINE[bundle.manifest.model.variant] or not apart <= allowed:
            raise ExportError(
                f"the bundle does not do what was measured: at {validation.keys[i]} its embedding has cosine "
                f"{near:.6f} to the measured one and its scores differ by {apart:.1e}. Delete the cache."
            )


def golden_pictures() -> dict[str, bytes]:
    """Return generated pictures as PNG: wide and tall, colour, grey and transparent."""
    sizes = ((320, 240), (160, 300), (257, 256), (96, 96))
    pictures = {}
    for i, (mode, size) in enumerate(zip(("RGB", "L", "RGBA", "RGB"), sizes, strict=True)):
        image = draw(TAGS[3 * i % len(TAGS)], np.random.default_rng(i), max(size)).crop((0, 0, *size)).convert(mode)
        if mode == "RGBA":
            image.putalpha(Image.linear_gradient("L").resize(size))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
        pictures[f"{i}.png"] = buffer.getvalue()
    return pictures


def _network(one: Measurement, matrix: Variant = "float16") -> bytes:
    """Return the .tflite file with signature `embed`, the transform of its embeddings inside."""
    network, fitted = one.path.read_bytes(), one.measured.fitted.transform
    return chain(network, convert_transform(fitted, matrix)) if fitted else network


def _classifier(settings: Experiment, one: Measurement) -> dict[str, bytes]:
    return convert_classifier(one.measured.fitted.prior, settings.classifier.class_prior, settings.export.block)  # type: ignore[arg-type]  # config.CHOICES


def _rows(one: Measurement) -> read.Rows:
    return read.Rows(*map(np.asarray, one.measured.fitted.statistics))


def _statistics(one: Measurement, space: str) -> bytes:
    return save_tensors(_rows(one)._asdict(), {"embedding_space": space})


def _provenance(settings: Experiment, result: Mapping[str, Any], backbone: Backbone) -> dict[str, Any]:
    """Return what the bundle was made from; no folder of the machine that made it is named."""
    config = asdict(settings)
    config["cache"] = None
    for section, key in (("data", "path"), ("backbone", "weights")):
        config[section][key] = _last_part(config[section][key])
    published = settings.backbone.weights == "imagenet"
    licence = PRETRAINED[backbone.architecture].licence if published else None
    weights = {"name": _last_part(backbone.weights), "sha256": backbone.weights_sha256, "licence": licence}
    keys = ("name", "fingerprint", "train", "calibration", "validation", "tags")
    return finite(
        {
            "config": config,
            "config_digest": result["config_digest"],
            "versions": result["versions"],
            "backbone": {"name": backbone.architecture, "width": backbone.width, "weights": weights},
            "data": {key: result["data"][key] for key in keys},
        }
    )


def _last_part(path: str | None) -> str | None:
    return PurePath(path).name if path else path


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
