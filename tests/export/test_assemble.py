import functools
import io
import json
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest
from msgspec.structs import astuple
from PIL import Image
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.executor import embed_image, load_executor, score_rows
from imagetagger.bundle.golden import score_tolerance
from imagetagger.bundle.manifest import BundleError, OnnxInfo
from imagetagger.bundle.reader import check_bundle, read_tensors
from imagetagger.classifier.fit import FittedClassifier, Scores, score_embeddings
from imagetagger.classifier.naive_bayes import finalize, fit_prior
from imagetagger.convert.quantize import embedding_space
from imagetagger.convert.tflite import to_tflite
from imagetagger.data.dataset import DatasetTag
from imagetagger.evaluation.evaluate import EvaluationData, evaluate_classifier, evaluate_uncalibrated
from imagetagger.export import assemble as assemble_module
from imagetagger.export.assemble import assemble_bundle, check_assembled, golden_pictures
from imagetagger.export.model_card import model_card
from imagetagger.export.parity import ExportError, Parity
from imagetagger.export.variants import BundledClassifier, VariantEvaluation
from imagetagger.preprocess import preprocess
from tests.helpers.bundles import (
    FEATURES,
    SIZE,
    TAGS,
    bundle,
    bundle_files,
    embedded,
    ingredients,
    tiles,
    tiles_model,
)
from tests.helpers.precision import rounding

pytestmark = pytest.mark.slow

ONNX = {
    "onnx/embed.onnx",
    "onnx/score.onnx",
    "onnx/merge.onnx",
    "onnx/statistics.safetensors",
    "onnx/golden.safetensors",
}
GOLDEN = {f"golden/{name}" for name in ("golden.json", "golden.safetensors", "0.png", "1.png", "2.png", "3.png")}
FILES = {"manifest.json", "model.tflite", "statistics.safetensors", "labels.json", "MODEL_CARD.md"} | GOLDEN
FAST = "export.onnx=false"


def assemble(made, **changes):
    return assemble_bundle(*made._replace(**changes))


def float32_of(made):
    return made.variants["float32"].evaluation


@functools.cache
def brighter():
    """Ingredients of a bundle with a second model, with embeddings of its own, as int8."""
    made = ingredients("export=int8")
    model = to_tflite(
        {
            "embed": (
                lambda image: {"embedding": 2 * tiles(image)["embedding"] + 1},
                {"image": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)},
            )
        }
    )
    float32 = float32_of(made)
    statistics = float32.classifier.statistics
    statistics = statistics._replace(mean=2 * statistics.mean + 1, m2=4 * statistics.m2)
    prior = fit_prior(statistics, made.classifier.variance_prior_strength, made.classifier.var_smoothing)
    classifier = FittedClassifier(
        None, statistics, prior, finalize(statistics, prior), np.zeros(len(statistics.count), np.float32)
    )
    x = 2 * embedded(made.validation) + 1
    data = EvaluationData(x, score_embeddings(classifier, x), float32.data.labels_onehot)
    uncalibrated = evaluate_uncalibrated(data, classifier.log_prior, 0.9)
    evaluation = evaluate_classifier(classifier, float32.decision, data, 32, uncalibrated)
    int8 = VariantEvaluation(model, evaluation, 3000.0, Parity(32, 16, 0.99, 1, 0))
    metrics = made.description.metrics
    description = made.description._replace(metrics=metrics | {"int8": metrics["float32"] | {"cosine_to_float": 0.99}})
    return made._replace(variants=made.variants | {"int8": int8}, description=description)


def test_a_bundle_has_every_file_of_the_design_and_lists_them():
    assert set(bundle_files()) == FILES | ONNX
    assert set(bundle().manifest.files) == set(bundle_files()) - {"manifest.json"}


def test_a_variant_too_far_from_float32_fails_the_export_of_any():
    made = ingredients(FAST)
    bad = made.variants["float32"]._replace(parity=Parity(32, 16, 0.99, 16, 0))
    with pytest.raises(ExportError, match=r"^int8: top-1 is 100\.00 points below float32 on 16 pictures"):
        assemble(made, variants=made.variants | {"int8": bad})


def test_onnx_is_left_out_where_it_is_off():
    assert set(bundle_files(FAST)) == FILES


@pytest.mark.slow
def test_the_same_ingredients_make_the_same_bytes():
    assert assemble(ingredients(FAST)) == bundle_files(FAST)


def test_labels_keep_ids_names_and_synonyms():
    labels = json.loads(bundle_files()["labels.json"])
    assert [DatasetTag(entry["id"], entry["name"], tuple(entry["synonyms"])) for entry in labels] == list(TAGS)
    assert [DatasetTag(*astuple(label)) for label in bundle().labels] == list(TAGS)


def test_the_bundle_predicts_as_the_classifier_that_was_evaluated():
    made, evaluation = ingredients(), float32_of(ingredients())
    executor = load_executor(bundle_files()["model.tflite"], bundle().manifest)
    assert bundle().manifest.decision == evaluation.decision
    for i in range(len(made.validation.ids)):
        embedding, expected = evaluation.data.embeddings[i], evaluation.data.scores.log_joint[i]
        embedded_again = embed_image(executor, preprocess(made.validation.read(i), SIZE))
        np.testing.assert_allclose(embedded_again, embedding, rtol=rounding(8 * 8))
        difference = score_rows(executor, embedding, bundle().rows) - expected
        assert np.ptp(difference) <= score_tolerance(expected, evaluation.decision.calibration.temperature)


def test_no_file_names_a_folder_of_the_machine():
    folders = {str(Path.home()), tempfile.gettempdir(), str(Path(__file__).parents[2])}
    for name, content in bundle_files().items():
        assert not [folder for folder in folders if f"{folder}/".encode() in content], name


def test_without_validation_pictures_a_bundle_is_made_all_the_same():
    made = ingredients(FAST, per_tag=0)
    assert made.variants["float32"].parity is None
    assert check_bundle(assemble(made)).manifest.metrics == {}


def test_the_model_card_is_that_of_the_manifest_and_the_bundled_variants_parity():
    made = ingredients(FAST)
    card = model_card(bundle(FAST).manifest, made.variants["float32"].parity)
    assert bundle_files(FAST)["MODEL_CARD.md"].decode() == card


def test_the_manifest_has_the_description_it_was_given():
    made, manifest = ingredients(), bundle().manifest
    assert (manifest.name, manifest.image.size, manifest.image.pixel_limit) == (
        made.description.name,
        made.description.size,
        made.description.pixel_limit,
    )
    assert manifest.provenance == made.description.provenance
    assert manifest.metrics == made.description.metrics


def scored(made):
    return float32_of(made).data.scores.log_joint.copy()


def with_data(made, **changes):
    """The float32 variant with other evaluation data than its own."""
    evaluation = float32_of(made)
    return made.variants["float32"]._replace(evaluation=evaluation._replace(data=evaluation.data._replace(**changes)))


def check_against(made, files, scores):
    """Compare a sound bundle with a classifier that gives other scores than its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble_module, "score_embeddings", lambda classifier, x: Scores(scores, None))
        check_assembled(files, made.variants["float32"], made.validation)


def test_a_bundle_that_does_not_embed_what_was_measured_is_refused():
    made = ingredients(FAST)
    x = float32_of(made).data.embeddings.copy()
    x[5] += np.linspace(0, 0.2, FEATURES)
    with pytest.raises(
        ExportError, match=r"does not do what was evaluated: at red/5.png .* cosine 0\.99.*Delete the cache"
    ):
        check_assembled(bundle_files(FAST), with_data(made, embeddings=x), made.validation)


def test_a_bundle_that_does_not_score_what_was_measured_is_refused():
    scores = scored(ingredients(FAST))
    scores[3, 1] *= 1.01
    with pytest.raises(ExportError, match=r"at blue/3.png .* scores differ by \d"):
        check_against(ingredients(FAST), bundle_files(FAST), scores)


def test_assembly_compares_the_bundle_with_what_was_measured(monkeypatch):
    made = ingredients(FAST)
    monkeypatch.setattr(assemble_module, "score_embeddings", lambda classifier, x: Scores(2 * scored(made), None))
    with pytest.raises(ExportError, match="does not do what was evaluated"):
        assemble(made)


def test_the_classifier_of_the_bundle_may_be_another_than_the_evaluated_one():
    made, other = ingredients(FAST), ingredients(FAST, train=12)
    classifier, decision = float32_of(other).classifier, float32_of(other).decision
    both = made.variants["float32"]._replace(bundled=BundledClassifier(classifier, decision, 48, 48, 48))
    assert (both.classifier, both.decision) == (classifier, decision)
    got = check_bundle(assemble(made, variants={"float32": both}))
    np.testing.assert_array_equal(got.rows.count, 12)
    assert got.manifest.decision == decision != float32_of(made).decision


def test_a_constant_shared_by_all_tags_makes_no_difference():
    check_against(ingredients(FAST), bundle_files(FAST), scored(ingredients(FAST)) - 3)


def test_a_score_that_is_finite_on_one_side_only_is_refused():
    scores = scored(ingredients(FAST))
    scores[:, 2] = -np.inf
    with pytest.raises(ExportError, match="scores differ by inf"):
        check_against(ingredients(FAST), bundle_files(FAST), scores)


GHOST = (*TAGS, DatasetTag("ghost", "never seen"))


@pytest.mark.slow
def test_a_tag_without_training_pictures_is_bundled_never_suggested_and_hides_no_difference_of_others():
    made = ingredients(FAST, tags=GHOST)
    files = assemble(made)
    got = check_bundle(files)
    assert [label.name for label in got.labels][-1] == "never seen"
    assert got.rows.count[-1] == 0
    executor = load_executor(files["model.tflite"], got.manifest)
    scores = score_rows(executor, float32_of(made).data.embeddings[0], got.rows)
    assert np.isfinite(scores[:-1]).all()
    assert scores[-1] == scored(made)[0, -1] == -np.inf
    spoiled = scored(made)
    spoiled[3, 1] *= 1.01
    with pytest.raises(ExportError, match="does not do what was evaluated"):
        check_against(made, files, spoiled)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("classifier.variance_prior_strength=inf", "variance_prior_strength", None),
        ("classifier.variance_prior_strength=7", "variance_prior_strength", 7),
        ("classifier.var_smoothing=0.01", "var_smoothing", 0.01),
        ("classifier.class_prior=counts", "class_prior", "counts"),
        ("classifier.transform=standardised", "transform", "standardised"),
        ("classifier.mean_variance_floor=0.1", "mean_prior", True),
        ("classifier.mean_variance_floor=null", "mean_prior", False),
    ],
)
def test_the_classifiers_settings_are_in_the_manifest(override, key, value):
    assert getattr(bundle(FAST, override).manifest.classifier, key) == value


def test_golden_pictures_are_wide_tall_grey_transparent_and_always_the_same():
    pictures = golden_pictures()
    images = [Image.open(io.BytesIO(data)) for data in pictures.values()]
    assert list(pictures) == [f"{i}.png" for i in range(4)]
    assert [(image.mode, image.size) for image in images] == [
        ("RGB", (320, 240)),
        ("L", (160, 300)),
        ("RGBA", (257, 256)),
        ("RGB", (96, 96)),
    ]
    assert len({preprocess(data, SIZE).tobytes() for data in pictures.values()}) == 4
    assert all(preprocess(data, SIZE).std() > 5 for data in pictures.values())
    assert pictures == golden_pictures()
    assert {f"golden/{name}": data for name, data in pictures.items()}.items() <= bundle_files().items()


@pytest.mark.slow
def test_onnx_has_the_statistics_of_float32_whatever_is_bundled():
    files, made = assemble(brighter()), brighter()
    spaces = {variant: embedding_space(one.model) for variant, one in made.variants.items()}
    assert spaces["float32"] == embedding_space(tiles_model())
    for name, variant in (("statistics.safetensors", "int8"), ("onnx/statistics.safetensors", "float32")):
        tensors, metadata = read_tensors(files[name], name)
        assert metadata == {"embedding_space": spaces[variant]}
        np.testing.assert_array_equal(tensors["mean"], made.variants[variant].evaluation.classifier.statistics.mean)
    got = check_bundle(files).manifest
    assert (got.model.variant, got.embedding_space) == ("int8", spaces["int8"])
    assert got.model.quantization["calibration_pictures"] == 32 < made.export.calibration_pictures
    assert got.onnx == OnnxInfo(spaces["float32"], float32_of(made).decision)
    assert set(got.metrics) == {"float32", "int8"}
    assert bundle().manifest.model.quantization is None


def test_statistics_are_those_of_the_fit_to_the_last_bit():
    tensors = load_tensors(bundle_files()["statistics.safetensors"])
    for name, value in float32_of(ingredients()).classifier.statistics._asdict().items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], value)


def test_a_tag_whose_name_cannot_be_printed_is_not_bundled():
    tags = (*TAGS[:3], DatasetTag("n02", "two\nlines"))
    with pytest.raises(BundleError, match=r"labels\.json: \[3\]\.name: got the name 'two\\nlines' with the character"):
        assemble(ingredients(FAST, tags=tags))
