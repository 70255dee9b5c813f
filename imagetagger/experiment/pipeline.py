"""The pipeline from pictures to a bundle, stage after stage: load, embed, fit, calibrate, evaluate, export."""

import logging
from collections.abc import Sequence

import msgspec
from threadpoolctl import threadpool_limits

from imagetagger.backbones.model import Backbone
from imagetagger.backbones.registry import load_backbone
from imagetagger.classifier.head import Knowledge
from imagetagger.config.schema import Experiment
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment.build_record import build_record
from imagetagger.experiment.bundled_stages import evaluate_test, fit_bundled, measure_near_twins
from imagetagger.experiment.checks import find_problems, trained_before
from imagetagger.experiment.evaluation_stages import bootstrap, compare_baselines
from imagetagger.experiment.frozen_comparison import compare_frozen
from imagetagger.experiment.lost_tags import describe_lost, find_lost_tags, without_tags
from imagetagger.experiment.record import Record
from imagetagger.experiment.reference_stages import find_head, find_statistics, make_reference
from imagetagger.experiment.run_output import RunOutput, export_bundle
from imagetagger.experiment.split_stages import divide_pictures
from imagetagger.experiment.stage_cache import StageCache, StageResult, StageRunner
from imagetagger.experiment.stages import Pictures, load_pictures
from imagetagger.experiment.training_stages import fine_tune_pictures, take_pictures
from imagetagger.experiment.variant_stages import EvaluatedModel, compare_variants, evaluate_model, start_model
from imagetagger.export.variants import BundledClassifier
from imagetagger.system.atomic_files import cache_directory
from imagetagger.system.cache_folder import cache_limit, trim_cache

log = logging.getLogger(__name__)


# NumPy's sums depend on its threads, of which launchers leave a job some or one; and threads that wait for a busy core
# take ten times as long.
@threadpool_limits.wrap(limits=1, user_api="blas")
def run_experiment(
    s: Experiment,
    *,
    assemble: bool = True,
    cache: StageCache | None = None,
    rivals: Sequence[Sequence[float]] = (),
) -> RunOutput:
    """Run an experiment.

    Args:
        s: settings of the run.
        assemble: whether to make the bundle of `export.bundle_variant`; a job of a sweep makes none.
        cache: what other runs of the same process have left, and where to leave more; None for a run of its own.
        rivals: tuning losses of other trainings of the sweep, epoch by epoch, for `training.prune`.

    Raises:
        BadDataError: more than `data.max_bad_fraction` of the pictures cannot be used, or too few are left.
        ValueError, OSError: an impossible setting; data or weights that are missing or damaged.
    """
    runner, folder = StageRunner(cache), cache_directory(s.cache)
    limit = cache_limit(s.cache_limit)
    has_bundle = assemble and s.export.bundle_variant is not None
    loaded = runner.run("load", load_pictures, section=s.data, seed=s.seed, cache=folder)
    backbone = runner.run("backbone", load_backbone, section=s.backbone, dtype=s.embed.dtype, seed=s.seed, cache=folder)
    loaded = divide_pictures(runner, s, loaded, backbone)
    frozen, pictures = backbone, take_pictures(runner, s, loaded)
    tuned, backbone = fine_tune_pictures(runner, s, pictures, frozen, rivals)
    pictures = take_pictures(runner, s, loaded, tuned) if tuned else pictures
    model = start_model(runner, s, backbone, pictures, s.export.bundle_variant)  # type: ignore[arg-type]  # checked by config
    reference = find_knowledge(runner, s, backbone, model, data=loaded.value.dataset.name)
    leading = evaluate_model(runner, s, loaded, pictures, model, reference)
    lost, problems = find_lost(s, pictures.value, leading)
    problems += trained_before(frozen.value, loaded.value.dataset)
    if lost:
        loaded = runner.run("tags left", without_tags, loaded, *leading.embedded, tags=lost)
        pictures = take_pictures(runner, s, loaded, tuned)
        leading = evaluate_model(runner, s, loaded, pictures, model, reference, is_checked=True)
    splits, evaluation = leading.splits, leading.evaluation
    resamples, seed = s.evaluate.bootstrap_resamples, s.seed
    intervals = runner.run("bootstrap", bootstrap, evaluation, splits, resamples=resamples, seed=seed)
    baselines = runner.run(
        "baselines", compare_baselines, evaluation, splits, leading.embedded[0], section=s.evaluate, seed=seed
    )
    twins = runner.run("near twins", measure_near_twins, *leading.embedded, name=s.data.name)
    bundled = fit_bundled(runner, s, reference, loaded.value, leading) if has_bundle else None
    test = evaluate_test(runner, s, loaded, leading, bundled)
    training = compare_frozen(runner, s, loaded, frozen, tuned.value, leading) if tuned else None
    variants = compare_variants(runner, s, loaded, pictures, backbone, reference, leading)
    trim_cache(folder, limit)  # nothing reads it after this
    if bundled and s.export.bundle_variant in variants:
        variants[s.export.bundle_variant] = variants[s.export.bundle_variant]._replace(bundled=bundled)
    warnings = warn(s, leading, reference.value, bundled, problems, near_twins=twins.value, has_test=test is not None)
    record = build_record(
        s,
        pictures=pictures.value,
        splits=splits.value,
        skipped=leading.skipped.value + (test.skipped if test else ()),
        backbone=backbone.value,
        runtime=model.value,
        evaluation=evaluation.value,
        crossed=leading.fitted.cross_fit.value,
        reference=reference.value,
        variants=variants,
        intervals=intervals.value,
        baselines=baselines.value,
        near_twins=twins.value,
        test=test,
        bundled=bundled,
        training=training,
        warnings=warnings,
        stages=dict(runner.records),
    )
    output = make_output(record, pictures.value, leading, tuned.value.weights if tuned else None)
    if s.export.reference_statistics:
        output = output._replace(reference=make_reference_files(runner, s, pictures.value, backbone.value, leading))
    if not has_bundle:
        return output
    output = runner.time("export", export_bundle, s, output, backbone.value, variants)
    return output._replace(record=msgspec.structs.replace(output.record, stages=runner.records))


def find_knowledge(
    runner: StageRunner, s: Experiment, backbone: StageResult[Backbone], model: StageResult[Runtime], *, data: str
) -> StageResult[Knowledge]:
    """Return what is known of the network: its reference statistics, or its own classifier; None of most others."""
    reference = find_statistics(runner, s, backbone, model, data=data)
    if s.classifier.source == "head":
        reference = runner.run("head", find_head, backbone, reference, section=s.classifier)
    return reference


def make_output(record: Record, pictures: Pictures, leading: EvaluatedModel, weights: bytes | None) -> RunOutput:
    """Return what a run leaves, still without files of statistics and bundle."""
    dataset, evaluated = pictures.dataset, leading.splits.value.evaluated
    return RunOutput(record, dataset.tags, evaluated, leading.evaluation.value, dataset.terms, weights=weights)


def warn(
    s: Experiment,
    leading: EvaluatedModel,
    reference: Knowledge,
    bundled: BundledClassifier | None,
    earlier: list[str],
    *,
    near_twins: float | None,
    has_test: bool,
) -> list[str]:
    """Warn of earlier problems and those of the run's classifier, that in the bundle if there is one; return all."""
    evaluation = leading.evaluation.value
    fitted = (leading.fitted.cross_fit.value, evaluation.decision)
    crossed, decision = (bundled.crossed, bundled.decision) if bundled else fitted
    problems = find_problems(s, evaluation, crossed, decision, reference, near_twins=near_twins, has_test=has_test)
    for warning in (warnings := [*earlier, *problems]):
        log.warning("%s", warning)
    return warnings


def find_lost(s: Experiment, pictures: Pictures, leading: EvaluatedModel) -> tuple[tuple[int, ...], list[str]]:
    """Return the tags that would have no pictures in the bundle, and a warning for each."""
    is_pooled = not pictures.dataset.is_split and s.data.fraction is None and s.data.per_class is None
    embedded = [stage.value for stage in leading.embedded]
    lost = find_lost_tags(pictures, *embedded, is_pooled=is_pooled)
    return lost, describe_lost(pictures, *embedded, tags=lost)


def make_reference_files(
    runner: StageRunner, s: Experiment, pictures: Pictures, backbone: Backbone, leading: EvaluatedModel
) -> dict[str, bytes]:
    """Make the reference statistics of the run's backbone from the pictures that it was fitted on."""
    return runner.time(
        "reference statistics",
        make_reference,
        backbone,
        leading.model.value,
        pictures,
        leading.splits.value,
        leading.embedded[0].value,
        s.classifier,
        s.backbone.resolution,
        s.seed,
    )
