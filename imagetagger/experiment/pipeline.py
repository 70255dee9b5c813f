"""The line from pictures to a bundle, stage after stage: load, embed, fit, calibrate, evaluate, export."""

from typing import NamedTuple

import msgspec
from threadpoolctl import threadpool_limits

from imagetagger.backbones.weights import load_backbone
from imagetagger.bundle.manifest import BundleError
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import DatasetTag, Split
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.experiment import checks
from imagetagger.experiment.evaluation_stages import bootstrap
from imagetagger.experiment.record import Record
from imagetagger.experiment.recording import build_record, describe_bundle
from imagetagger.experiment.stage_cache import StageCache, StageRunner
from imagetagger.experiment.stages import load_pictures, subsample
from imagetagger.experiment.variant_stages import compare_variants, evaluate_model, start_model
from imagetagger.export.assemble import assemble_bundle
from imagetagger.export.parity import ExportError
from imagetagger.system.atomic_files import cache_directory


class RunOutput(NamedTuple):
    """What a run leaves: its record, and what its report and bundle are made of.

    Attributes:
        record: the contents of result.json.
        tags: C tags.
        validation: the M pictures that were evaluated.
        evaluation: of the variant that leads.
        bundle: its files by name; None where none was asked for, or none could be made.
        export_error: why it could not be made.
    """

    record: Record
    tags: tuple[DatasetTag, ...]
    validation: Split
    evaluation: Evaluation
    bundle: dict[str, bytes] | None = None
    export_error: ExportError | BundleError | None = None


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
    run, folder = StageRunner(cache), cache_directory(s.cache)
    loaded = run.run("load", load_pictures, section=s.data, seed=s.seed, cache=folder)
    pictures = run.run("subset", subsample, loaded, section=s.data)
    backbone = run.run("backbone", load_backbone, section=s.backbone, dtype=s.embed.dtype, seed=s.seed, cache=folder)
    model = start_model(run, s, backbone, pictures, s.export.bundle_variant)  # type: ignore[arg-type]  # checked by config
    leading = evaluate_model(run, s, loaded, pictures, model)
    evaluation, splits = leading.evaluation.value, leading.splits.value
    checks.warn_of_poor_calibration(evaluation.decision, leading.holdout_scores.value, splits, s.calibrate)
    intervals = run.run(
        "bootstrap", bootstrap, leading.evaluation, resamples=s.evaluate.bootstrap_resamples, seed=s.seed
    )
    variants = compare_variants(run, s, loaded, pictures, backbone, leading)
    record = build_record(
        s,
        pictures=pictures.value,
        splits=splits,
        skipped=leading.skipped.value,
        backbone=backbone.value,
        runtime=model.value.runtime,
        evaluation=evaluation,
        variants=variants,
        intervals=intervals.value,
        stages=run.records,
    )
    output = RunOutput(record, pictures.value.dataset.tags, splits.evaluated, evaluation)
    if not (s.export.bundle_variant and assemble):
        return output
    checks.warn_of_poor_learning(s.classifier, evaluation)
    try:
        description = describe_bundle(s, record, backbone.value)
        bundle = assemble_bundle(s.export, s.classifier, description, output.tags, variants, splits.evaluated)
    except (ExportError, BundleError) as error:  # the record is written all the same
        return output._replace(export_error=error)
    bundled = msgspec.structs.replace(record, bundled_variant=s.export.bundle_variant)
    return output._replace(record=bundled, bundle=bundle)
