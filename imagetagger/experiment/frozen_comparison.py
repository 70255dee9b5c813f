"""The frozen network beside the fine-tuned one: the same classifier, on the same pictures."""

import msgspec

from imagetagger.backbones.model import Backbone
from imagetagger.config.schema import Experiment
from imagetagger.evaluation.baselines import balanced_accuracy
from imagetagger.evaluation.mcnemar import mcnemar_test
from imagetagger.experiment.reference_stages import find_statistics
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import Pictures
from imagetagger.experiment.training_record import FrozenRecord, TrainingRecord
from imagetagger.experiment.training_stages import TunedNetwork, take_pictures
from imagetagger.experiment.variant_stages import EvaluatedModel, evaluate_model, start_model


def compare_frozen(
    runner: StageRunner,
    s: Experiment,
    loaded: StageResult[Pictures],
    backbone: StageResult[Backbone],
    tuned: TunedNetwork,
    leading: EvaluatedModel,
) -> TrainingRecord:
    """Add to the record of a training how the same classifier does with the frozen network, on the same pictures.

    Args:
        runner: of the stages.
        s: settings of the run.
        loaded: all pictures.
        backbone: the frozen network.
        tuned: the other one.
        leading: its evaluation.
    """
    if tuned.weights is None or not len(leading.splits.value.labels_onehot):
        return tuned.record
    pictures = take_pictures(runner, s, loaded)
    model = start_model(runner, s, backbone, pictures, s.export.bundle_variant, "frozen")  # type: ignore[arg-type]  # checked by config
    reference = find_statistics(runner, s, backbone, model, data=pictures.value.dataset.name, label="frozen")
    other = evaluate_model(runner, s, loaded, pictures, model, reference, "frozen").evaluation.value
    before = other.is_correct
    frozen = FrozenRecord(
        pictures=len(before),
        top1=float(before.mean()),
        balanced_accuracy=balanced_accuracy(before, other.data.labels_onehot),
        **mcnemar_test(before, leading.evaluation.value.is_correct)._asdict(),
    )
    return msgspec.structs.replace(tuned.record, frozen=frozen)
