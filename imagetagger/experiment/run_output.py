"""What a run leaves: its record, and what its report and bundle are made of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from imagetagger.backbones.model import Backbone
from imagetagger.bundle.labels import Term
from imagetagger.bundle.manifest import BundleError
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import DatasetTag, Split
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.experiment.bundle_description import describe_bundle
from imagetagger.experiment.record import Record
from imagetagger.experiment.stage_cache import with_setting_names
from imagetagger.export.assemble import assemble_bundle
from imagetagger.export.independent import check_networks
from imagetagger.export.parity import ExportError
from imagetagger.export.variants import VariantEvaluation
from imagetagger.options import Variant


class RunOutput(NamedTuple):
    """What a run leaves.

    Attributes:
        record: the contents of result.json.
        tags: C tags.
        validation: the M pictures that were evaluated.
        evaluation: of the variant that leads.
        terms: broader terms of the tags.
        reference: files of the reference statistics by name; none unless they were asked for.
        bundle: its files by name; None where none was asked for, or none could be made.
        export_error: why it could not be made.
        weights: contents of the file of weights that the run fine-tuned; None if it did not.
    """

    record: Record
    tags: tuple[DatasetTag, ...]
    validation: Split
    evaluation: Evaluation
    terms: tuple[Term, ...] = ()
    reference: Mapping[str, bytes] = MappingProxyType({})
    bundle: dict[str, bytes] | None = None
    export_error: ExportError | BundleError | None = None
    weights: bytes | None = None


def export_bundle(
    s: Experiment, output: RunOutput, backbone: Backbone, variants: Mapping[Variant, VariantEvaluation]
) -> RunOutput:
    """Add the bundle to what a run leaves, or why it cannot be made: the record is written all the same."""
    description = describe_bundle(s, output.record, backbone)
    models = {variant: one.model for variant, one in variants.items()}
    try:
        check_networks(backbone, models, s.backbone.resolution, min_cosine=s.export.min_cosine)
        bundle = assemble_bundle(
            s.export, s.classifier, description, output.tags, variants, output.validation, output.terms
        )
    except (ExportError, BundleError) as error:
        return output._replace(export_error=type(error)(with_setting_names(str(error), s.export)))
    record = msgspec.structs.replace(output.record, bundled_variant=s.export.bundle_variant)
    return output._replace(record=record, bundle=bundle)
