"""The pipeline from pictures to a bundle, stage after stage: load, embed, fit, calibrate, evaluate, export."""

import msgspec
from threadpoolctl import threadpool_limits

from imagetagger.backbones.registry import load_backbone
from imagetagger.config.schema import Experiment
from imagetagger.experiment import checks
from imagetagger.experiment.build_record import build_record
from imagetagger.experiment.evaluation_stages import bootstrap
from imagetagger.experiment.run_output import RunOutput, export_bundle
from imagetagger.experiment.stage_cache import StageCache, StageRunner
from imagetagger.experiment.stages import load_pictures, subsample
from imagetagger.experiment.variant_stages import compare_variants, evaluate_model, start_model
from imagetagger.system.atomic_files import cache_directory


# NumPy's sums depend on its threads, of which launchers leave a job some or one; and threads that wait for a busy core
# take ten times as long.
@threadpool_limits.wrap(limits=1, user_api="blas")
def run_experiment(s: Experiment, *, assemble: bool = True, cache: StageCache | None = None) -> RunOutput:
    """Run an experiment.

    Args:
        s: settings of the run.
        assemble: whether to make the bundle of `export.bundle_variant`; a job of a sweep makes none.
        cache: what other runs of the same process have left, and where to leave more; None for a run of its own.

    Raises:
        BadDataError: more than `data.max_bad_fraction` of the pictures cannot be used, or too few are left.
        ValueError, OSError: an impossible setting; data or weights that are missing or damaged.
    """
    runner, folder = StageRunner(cache), cache_directory(s.cache)
    loaded = runner.run("load", load_pictures, section=s.data, seed=s.seed, cache=folder)
    pictures = runner.run("subset", subsample, loaded, section=s.data)
    backbone = runner.run("backbone", load_backbone, section=s.backbone, dtype=s.embed.dtype, seed=s.seed, cache=folder)
    model = start_model(runner, s, backbone, pictures, s.export.bundle_variant)  # type: ignore[arg-type]  # checked by config
    leading = evaluate_model(runner, s, loaded, pictures, model)
    splits, evaluation = leading.splits.value, leading.evaluation
    checks.warn_of_poor_calibration(evaluation.value.decision, leading.holdout_scores.value, splits, s.calibrate)
    resamples = s.evaluate.bootstrap_resamples
    intervals = runner.run("bootstrap", bootstrap, evaluation, resamples=resamples, seed=s.seed)
    variants = compare_variants(runner, s, loaded, pictures, backbone, leading)
    record = build_record(
        s,
        pictures=pictures.value,
        splits=splits,
        skipped=leading.skipped.value,
        backbone=backbone.value,
        runtime=model.value,
        evaluation=evaluation.value,
        variants=variants,
        intervals=intervals.value,
        stages=dict(runner.records),
    )
    output = RunOutput(record, pictures.value.dataset.tags, splits.evaluated, evaluation.value)
    if not (assemble and s.export.bundle_variant):
        return output
    checks.warn_of_poor_learning(s.classifier, evaluation.value)
    output = runner.time("export", export_bundle, s, output, backbone.value, variants)
    return output._replace(record=msgspec.structs.replace(output.record, stages=runner.records))
