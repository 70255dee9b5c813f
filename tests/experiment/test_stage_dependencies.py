"""Every setting of the schema, changed in turn: exactly the stages that depend on it run again."""

from dataclasses import fields, is_dataclass, replace

import pytest

from imagetagger.config.schema import Experiment, TrainingConfig
from imagetagger.experiment.pipeline import run_experiment
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.pictures import patchwork_folder
from tests.helpers.tiles import use_tiles

pytestmark = pytest.mark.slow

FEEDS = {
    "load": ("embed for groups", "group", "divide"),
    "backbone": ("model", "model float32", "reference"),
    "model float32": ("embed for groups",),
    "embed for groups": ("group",),
    "group": ("divide",),
    "divide": ("subset", "embed validation"),
    "subset": ("embed", "check", "split"),
    "model": ("embed", "embed validation", "reference"),
    "reference": ("cross-fit", "fit", "calibrate"),
    "embed": ("check", "split", "cross-fit", "fit", "score", "baselines", "near twins"),
    "embed validation": ("check", "split", "score", "near twins"),
    "check": (),
    "split": ("cross-fit", "fit", "decide", "score", "evaluate", "bootstrap", "baselines"),
    "cross-fit": ("fit", "calibrate", "decide"),
    "fit": ("score", "uncalibrated", "evaluate"),
    "calibrate": ("decide",),
    "decide": ("evaluate",),
    "score": ("uncalibrated", "evaluate"),
    "uncalibrated": ("evaluate",),
    "evaluate": ("bootstrap", "baselines"),
    "bootstrap": (),
    "baselines": (),
    "near twins": (),
}
"""The stages that take a stage's result."""

EMBED = ("embed", "embed validation")
EMBED_ALL = ("embed for groups", *EMBED)
FIT = ("cross-fit", "fit")

CHANGES = {
    "experiment": ("experiment=another", ()),
    "seed": ("seed=1", ("load", "backbone", "divide", "split", "bootstrap", "baselines")),
    "cache": ("cache={other}", ("load", "backbone", "model", "model float32", *EMBED_ALL)),
    "cache_limit": ("cache_limit=1", ()),
    "force": ("force=true", ()),
    "optimized_metric": ("optimized_metric=top1", ()),
    "track": ("track=mlflow", ()),
    "track_to": ("track_to={other}", ()),
    "data.name": ("data.name=synthetic", ("load", "reference", "near twins")),
    "data.path": ("data.path={pictures}/../again", ("load",)),
    "data.test": ("data.test={pictures}/../others", ("load",)),
    "data.group_by": ("data.group_by=similarity", ("group",)),
    "data.tfds_name": ("data.tfds_name=cifar10", ("load",)),
    "data.train_split": ("data.train_split=test", ("load",)),
    "data.validation_split": ("data.validation_split=test", ("load",)),
    "data.synthetic_per_class": ("data.synthetic_per_class=7", ("load",)),
    "data.validation_fraction": ("data.validation_fraction=0.5", ("load", "divide")),
    "data.holdout_fraction": ("data.holdout_fraction=0.5", ("split",)),
    "data.fraction": ("data.fraction=0.5", ("subset",)),
    "data.per_class": ("data.per_class=5", ("subset",)),
    "data.max_bad_fraction": ("data.max_bad_fraction=0.5", ("check",)),
    "data.pixel_limit": ("data.pixel_limit=1000000", EMBED_ALL),
    "backbone.name": ("backbone.name=efficientnet_lite0", ("backbone",)),
    "backbone.weights": ("backbone.weights=random", ("backbone",)),
    "backbone.fallback": ("backbone.fallback=null", ("backbone",)),
    "backbone.width": ("backbone.width=0.5", ("backbone",)),
    "backbone.resolution": ("backbone.resolution=32", ("backbone", "model", "model float32", "reference", *EMBED_ALL)),
    "backbone.padding": ("backbone.padding=symmetric", ("backbone",)),
    "backbone.activation": ("backbone.activation=relu", ("backbone",)),
    "embed.runtime": ("embed.runtime=litert", ("model",)),
    "embed.engine": ("embed.engine=ray", ("model", "model float32")),
    "embed.dtype": ("embed.dtype=bfloat16", ("backbone",)),
    "embed.batch_size": ("embed.batch_size=7", ("model",)),
    "embed.workers": ("embed.workers=3", ("model", "model float32")),
    "embed.shard_size": ("embed.shard_size=5", EMBED_ALL),
    "embed.measure_raw_rate": ("embed.measure_raw_rate=true", ("embed",)),
    "classifier.transform": ("classifier.transform=standardised", ("reference", *FIT)),
    "classifier.dimensions": ("classifier.dimensions=2", FIT),
    "classifier.shrinkage": ("classifier.shrinkage=0.5", FIT),
    "classifier.within_class_weight": ("classifier.within_class_weight=0.5", FIT),
    "classifier.unit_length": ("classifier.unit_length=false", FIT),
    "classifier.variance_prior_strength": ("classifier.variance_prior_strength=3", FIT),
    "classifier.var_smoothing": ("classifier.var_smoothing=0.01", FIT),
    "classifier.isotropic_prior_strength": ("classifier.isotropic_prior_strength=3", FIT),
    "classifier.mean_variance_floor": ("classifier.mean_variance_floor=0.5", FIT),
    "classifier.class_prior": ("classifier.class_prior=counts", FIT),
    "classifier.reference": ("classifier.reference=auto", ("reference", *FIT)),
    "calibrate.calibration_bins": ("calibrate.calibration_bins=0", ("calibrate", "decide")),
    "calibrate.prediction_set": ("calibrate.prediction_set=top_k", ("decide",)),
    "calibrate.coverage": ("calibrate.coverage=0.8", ("decide", "uncalibrated")),
    "calibrate.confidence": ("calibrate.confidence=0.8", ("decide",)),
    "calibrate.folds": ("calibrate.folds=4", ("split", "decide")),
    "calibrate.top_k": ("calibrate.top_k=3", ("decide",)),
    "calibrate.aci_step_size": ("calibrate.aci_step_size=0.5", ("decide",)),
    "calibrate.novelty_fpr": ("calibrate.novelty_fpr=0.5", ("decide",)),
    "evaluate.bootstrap_resamples": ("evaluate.bootstrap_resamples=7", ("bootstrap",)),
    "evaluate.baselines": ("evaluate.baselines=[nearest_centroid]", ("baselines",)),
    "evaluate.examples": ("evaluate.examples=0", ()),
    "export.variants": ("export.variants=[]", ()),
    "export.bundle_variant": ("export.bundle_variant=null", ()),
    "export.calibration_pictures": ("export.calibration_pictures=7", ()),
    "export.calibration_source": ("export.calibration_source=drawings", ()),
    "export.reference_pictures": ("export.reference_pictures=7", ()),
    "export.min_cosine": ("export.min_cosine=0.5", ()),
    "export.max_top1_loss": ("export.max_top1_loss=1", ()),
    "export.strict_parity_pictures": ("export.strict_parity_pictures=7", ()),
    "export.onnx": ("export.onnx=true", ()),
    "export.block": ("export.block=7", ()),
}
"""Of each setting, another value and the stages that take it."""

ADDS = {"data.test": {"embed test"}}
"""Stages that a setting adds."""

OTHERS = {"classifier.source", "evaluate.split", "export.reference_statistics", "training.blocks"}
"""They change which stages there are, and are tested elsewhere."""

OF_TRAINING = {f"training.{one.name}" for one in fields(TrainingConfig)} - OTHERS
"""They change nothing where nothing is trained; see test_training_stages.py."""


def every_setting(node=Experiment, prefix=""):
    for one in fields(node):
        yield from every_setting(one.type, f"{one.name}.") if is_dataclass(one.type) else [f"{prefix}{one.name}"]


def downstream(stages):
    reached = set()
    while stages:
        reached |= set(stages)
        stages = {fed for stage in stages for fed in FEEDS[stage]} - reached
    return reached


@pytest.fixture(scope="module")
def stages_run(tmp_path_factory):
    """Runs an experiment once, then another with a changed setting; returns the stages that ran again."""
    folder = tmp_path_factory.mktemp("dependencies")
    for name, seed in (("pictures", 0), ("again", 0), ("others", 9)):
        patchwork_folder(folder / name, seed=seed)
    place = ["data=folder", f"data.path={folder / 'pictures'}", f"cache={folder / 'cache'}"]
    place += ["export=none", "calibrate.prediction_set=cumulative", "classifier.reference=none"]
    before = {}

    def run(override):
        override = override.format(other=folder / "other", pictures=folder / "pictures")
        name = override.removeprefix("experiment=")
        changed = settings(*SHRUNK, *place, *([override] if name == override else []))
        cache = dict(before)
        run_experiment(replace(changed, experiment=name), cache=cache)
        assert set(before) == set(FEEDS)
        assert set(cache) - set(before) == ADDS.get(name.split("=")[0], set())
        return {stage for stage in before if cache[stage] is not before[stage]}

    with pytest.MonkeyPatch.context() as patch:
        use_tiles(patch)
        run_experiment(settings(*SHRUNK, *place), cache=before)
        yield run


@pytest.mark.parametrize("setting", CHANGES)
def test_a_setting_runs_exactly_the_stages_again_that_depend_on_it(stages_run, setting):
    override, stages = CHANGES[setting]
    assert stages_run(override) == downstream(set(stages))


def test_every_setting_of_the_schema_is_changed():
    assert {*CHANGES, *OTHERS, *OF_TRAINING} == set(every_setting())
