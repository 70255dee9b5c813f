"""The stages of one variant from network to evaluation, and the comparison of several variants with float32."""

import logging
from typing import Any, Literal, NamedTuple

import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.head import Knowledge
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import Skip
from imagetagger.embedding.runtime import Runtime
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.experiment.evaluation_stages import FittedModel, evaluate_embeddings, fit_model
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import (
    DataSplits,
    EmbeddedSplit,
    Pictures,
    assign_roles,
    check_skipped,
    embed_split,
    first_by_rank,
    quantization_drawings,
    quantization_pictures,
    start_runtime,
    start_variant,
)
from imagetagger.export.parity import compare_to_float32
from imagetagger.export.variants import VariantEvaluation, measure_rates
from imagetagger.options import VARIANTS, Variant
from imagetagger.system.atomic_files import cache_directory

log = logging.getLogger(__name__)


class EvaluatedModel(NamedTuple):
    """Stages of a model whose embeddings were classified and evaluated."""

    model: StageResult[Runtime]
    embedded: tuple[StageResult[EmbeddedSplit], ...]
    splits: StageResult[DataSplits]
    skipped: StageResult[tuple[Skip, ...]]
    fitted: FittedModel
    evaluation: StageResult[Evaluation]


def start_model(
    runner: StageRunner,
    s: Experiment,
    backbone: StageResult[Backbone],
    pictures: StageResult[Pictures],
    variant: Variant | None,
    label: str = "",
) -> StageResult[Runtime]:
    """Make the network ready to embed: in the arithmetic of a variant, or, with None, as section `embed` says.

    `label` distinguishes the stage from that of another network.
    """
    folder, resolution = cache_directory(s.cache), s.backbone.resolution
    if variant is None:
        return runner.run(
            f"{label} model".lstrip(), start_runtime, backbone, section=s.embed, resolution=resolution, cache=folder
        )
    crops: tuple[StageResult[list[np.ndarray]], ...] = ()
    count = s.export.calibration_pictures
    if variant == "int8" and s.export.calibration_source == "drawings":
        crops = (runner.run("quantization drawings", quantization_drawings, count=count, resolution=resolution),)
    elif variant == "int8":
        crops = (
            runner.run(
                "quantization pictures",
                quantization_pictures,
                pictures,
                section=s.data,
                count=count,
                resolution=resolution,
            ),
        )
    name = f"{label} model".lstrip() if variant == s.export.bundle_variant else f"{label} model {variant}".lstrip()
    return runner.run(
        name, start_variant, backbone, *crops, section=s.embed, variant=variant, resolution=resolution, cache=folder
    )


def embed_pictures(
    runner: StageRunner,
    s: Experiment,
    name: str,
    pictures: StageResult[Pictures],
    model: StageResult[Runtime],
    role: Literal["train", "validation", "test"],
    *,
    label: str,
    is_kept: bool = True,
    measure_raw_rate: bool = False,
) -> StageResult[EmbeddedSplit]:
    """Embed the pictures of a role with a model, as a stage.

    Args:
        runner: of the stages.
        s: settings of the run.
        name: of the stage.
        pictures: of the run.
        model: embeds.
        role: of the pictures.
        label: of the progress bar.
        is_kept: whether other runs may have the result: half a gigabyte for Tiny ImageNet, and in the cache on disk.
        measure_raw_rate: whether to time the bare network too.
    """
    stage = runner.run(
        name,
        embed_split,
        pictures,
        model,
        section=s.embed,
        is_kept=is_kept,
        role=role,
        label=label,
        resolution=s.backbone.resolution,
        pixel_limit=s.data.pixel_limit,
        measure_raw_rate=measure_raw_rate,
        cache=cache_directory(s.cache),
    )
    computed = 0 if runner.records[name].cached else stage.value.embeddings.computed
    rate = computed / stage.value.embeddings.seconds if computed else None
    runner.annotate(name, cached=computed == 0, images_per_second=rate, raw_images_per_second=stage.value.raw_rate)
    return stage


def evaluate_model(
    runner: StageRunner,
    s: Experiment,
    loaded: StageResult[Pictures],
    pictures: StageResult[Pictures],
    model: StageResult[Runtime],
    reference: StageResult[Knowledge],
    label: str = "",
    *,
    is_checked: bool = False,
) -> EvaluatedModel:
    """Embed the pictures with a model, fit, calibrate and evaluate.

    Args:
        runner: of the stages.
        s: settings of the run.
        loaded: all pictures; its validation pictures are evaluated, unless the run tunes.
        pictures: to train on.
        model: embeds.
        reference: statistics of the network.
        label: distinguishes the stages of several models; empty for the one that leads.
        is_checked: whether the pictures were found to have few enough bad ones before.
    """
    suffix = f" {label}" if label else ""

    options: Any = {"label": f"embedding{suffix}", "is_kept": not label}
    measured = s.embed.measure_raw_rate and not label
    train = embed_pictures(runner, s, f"embed{suffix}", pictures, model, "train", measure_raw_rate=measured, **options)
    splits_of: tuple[StageResult[EmbeddedSplit], ...] = ()
    if s.evaluate.split == "validation":
        splits_of = (embed_pictures(runner, s, f"embed validation{suffix}", loaded, model, "validation", **options),)
    # Pictures that the leading model could use are not refused afterwards because a subset has more bad ones.
    limit = 1.0 if label or is_checked else s.data.max_bad_fraction
    skipped = runner.run(
        f"check{suffix}", check_skipped, pictures, train, *splits_of, section=s.data, max_bad_fraction=limit
    )
    splits = runner.run(
        f"split{suffix}",
        assign_roles,
        pictures,
        train,
        *splits_of,
        section=s.data,
        folds=s.calibrate.folds,
        seed=s.seed,
        is_out_of_fold=s.evaluate.split == "out_of_fold",
    )
    fitted = fit_model(runner, s, reference, splits, train, suffix=suffix)
    evaluation = evaluate_embeddings(runner, s, fitted, splits, train, *splits_of, suffix=suffix)
    return EvaluatedModel(model, (train, *splits_of), splits, skipped, fitted, evaluation)


def compare_variants(
    runner: StageRunner,
    s: Experiment,
    loaded: StageResult[Pictures],
    pictures: StageResult[Pictures],
    backbone: StageResult[Backbone],
    reference: StageResult[Knowledge],
    leading: EvaluatedModel,
) -> dict[Variant, VariantEvaluation]:
    """Evaluate the further variants, and compare each with float32.

    A float32 that is not among `export.variants` is a reference only: it is fitted on at most
    `export.reference_pictures`, and so is each variant for the comparison, on the same pictures.

    Args:
        runner: of the stages.
        s: settings of the run.
        loaded: all pictures.
        pictures: to train on.
        backbone: the network.
        reference: its statistics.
        leading: the variant in the bundle, or what section `embed` says.
    """
    if not s.export.variants:
        return {}
    own = s.export.bundle_variant or ("float32" if leading.model.value.name == "litert" else None)
    evaluated: dict[Variant, EvaluatedModel] = {
        variant: leading
        if variant == own
        else evaluate_model(
            runner, s, loaded, pictures, start_model(runner, s, backbone, pictures, variant), reference, variant
        )
        for variant in VARIANTS
        if variant == own or variant in s.export.variants
    }
    compared: dict[Variant, EvaluatedModel] = dict(evaluated)
    if "float32" not in evaluated:
        subset = runner.run("reference pictures", first_by_rank, pictures, section=s.export)
        if len(subset.value.rank) < len(pictures.value.rank):
            compared = {
                variant: evaluate_model(runner, s, loaded, subset, one.model, reference, f"{variant} reference")
                for variant, one in evaluated.items()
            }
        model = start_model(runner, s, backbone, pictures, "float32")
        compared["float32"] = evaluate_model(runner, s, loaded, subset, model, reference, "float32 reference")
        evaluated = {"float32": compared["float32"], **evaluated}
    if not len(leading.splits.value.labels_onehot):
        log.warning("no validation pictures: the variants are exported without comparing them with float32")
    models = {variant: one.model for variant, one in evaluated.items()}
    rates = runner.run("time variants", time_variants, *models.values(), variants=tuple(models))
    float32 = compared["float32"].evaluation.value
    is_complete = float32.train == leading.evaluation.value.train
    return {
        variant: VariantEvaluation(
            model=models[variant].value.model,  # type: ignore[arg-type]  # variants are .tflite files
            evaluation=one.evaluation.value,
            images_per_second=rates.value[variant],
            parity=compare_to_float32(compared[variant].evaluation.value, float32, is_complete=is_complete),
        )
        for variant, one in evaluated.items()
    }


def time_variants(*models: Runtime, variants: tuple[Variant, ...]) -> dict[Variant, float]:
    """Images/s of each network alone."""
    return measure_rates(dict(zip(variants, models, strict=True)))
