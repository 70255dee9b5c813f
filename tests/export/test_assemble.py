import functools
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_tensors

from imagetagger.backbones.weights import PRETRAINED
from imagetagger.bundle.executor import embed_image, load_executor, score_rows
from imagetagger.bundle.manifest import BundleError, OnnxInfo
from imagetagger.bundle.reader import check_bundle, read_tensors
from imagetagger.classifier.fit import FittedClassifier
from imagetagger.classifier.naive_bayes import finalize, fit_prior
from imagetagger.convert.quantize import embedding_space
from imagetagger.convert.tflite import to_tflite
from imagetagger.data.dataset import DatasetTag
from imagetagger.evaluation.evaluate import evaluate_classifier
from imagetagger.export.assemble import assemble_bundle, check_assembled, golden_pictures
from imagetagger.export.parity import ExportError, Parity
from imagetagger.export.variants import VariantEvaluation, variant_metrics
from imagetagger.prediction.calibration import probabilities
from imagetagger.preprocess import preprocess
from imagetagger.system.atomic_files import cache_directory
from tests.helpers.bundles import BLOCK, FEATURES, SIZE, TAGS, bundle, bundle_files, embedded, ingredients, tiles

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


def texts(value):
    """Every text inside JSON, keys too."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *texts(item))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def card(files):
    return files["MODEL_CARD.md"].decode()


def assemble(made, **changes):
    return assemble_bundle(*made._replace(**changes))


@functools.cache
def brighter():
    """Ingredients of a bundle that ships a second model, with embeddings of its own, as int8."""
    made = ingredients("export=int8")
    path = cache_directory() / "brighter.tflite"
    path.write_bytes(
        to_tflite(
            {
                "embed": (
                    lambda image: {"embedding": 2 * tiles(image)["embedding"] + 1},
                    {"image": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)},
                )
            }
        )
    )
    one = made.found["float32"].measured
    statistics = one.fitted.statistics
    statistics = statistics._replace(mean=2 * statistics.mean + 1, m2=4 * statistics.m2)
    prior = fit_prior(statistics, made.settings.classifier.variance_prior_strength, made.settings.classifier.var_smoothing)
    fitted = FittedClassifier(None, statistics, prior, finalize(statistics, prior))
    x = 2 * embedded(made.validation) + 1
    measured = evaluate_classifier(fitted, one.decision, x, one.truth, made.settings.calibrate.coverage)
    space = embedding_space(path.read_bytes())
    found = made.found | {"int8": VariantEvaluation(path, space, measured, 3000.0, Parity(16, 0.99, 1, 0))}
    return made._replace(found=found, result=made.result | {"variants": variant_metrics(found)})


def test_a_bundle_has_every_file_of_the_design_and_lists_them():
    assert set(bundle_files()) == FILES | ONNX
    assert set(bundle().manifest.files) == set(bundle_files()) - {"manifest.json"}


def test_a_variant_beyond_the_gate_is_not_shipped_nor_anything_beside_it():
    made = ingredients(FAST)
    one = made.found["float32"]
    bad = one._replace(parity=Parity(16, 0.99, 16, 0))
    with pytest.raises(ExportError, match=r"^int8: top-1 is 100\.00 points below float32 on 16 pictures"):
        assemble_bundle(made.settings, made.result, made.backbone, TAGS, made.found | {"int8": bad}, made.validation)


def test_onnx_is_left_out_where_it_is_not_asked_for():
    assert set(bundle_files(FAST)) == FILES


@pytest.mark.slow
def test_the_same_ingredients_make_the_same_bytes():
    assert assemble(ingredients(FAST)) == bundle_files(FAST)


def test_labels_keep_ids_names_and_synonyms():
    labels = json.loads(bundle_files()["labels.json"])
    assert [DatasetTag(entry["id"], entry["name"], tuple(entry["synonyms"])) for entry in labels] == list(TAGS)
    assert bundle().labels[3] == ("n01", "crimson", ("dark red", "carmine"))


def test_the_bundle_answers_as_the_classifier_that_was_measured():
    made, one = ingredients(), ingredients().found["float32"].measured
    executor = load_executor(bundle_files()["model.tflite"], bundle().manifest)
    assert bundle().manifest.decision == one.decision
    for i in range(len(made.validation.ids)):
        embedding = embed_image(executor, preprocess(made.validation.read(i), SIZE))
        np.testing.assert_allclose(embedding, one.embeddings[i], rtol=1e-5)
        got = score_rows(executor, embedding, bundle().rows)
        wanted = probabilities(one.scores.log_joint[i], one.decision.calibration)
        found = probabilities(got, one.decision.calibration)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_provenance_names_no_folder_of_the_machine(tmp_path):
    home, made = Path.home(), ingredients(FAST)
    data, settings = replace(made.settings.data, path=f"{home}/private/holiday"), made.settings
    settings = replace(settings, data=data, cache=str(tmp_path / "cache"))
    settings = replace(settings, backbone=replace(settings.backbone, weights=str(tmp_path / "w" / "mine.safetensors")))
    backbone = made.backbone._replace(weights=str(tmp_path / "w" / "mine.safetensors"), weights_sha256="a" * 64)
    files = assemble(made, settings=settings, backbone=backbone)
    provenance = check_bundle(files).manifest.provenance
    assert provenance["config"]["data"]["path"] == "holiday"
    assert (
        provenance["config"]["backbone"]["weights"] == provenance["backbone"]["weights"]["name"] == "mine.safetensors"
    )
    assert provenance["config"]["cache"] is None
    folders = {str(home), tempfile.gettempdir(), str(tmp_path), str(Path(__file__).parents[1])}
    said = texts(json.loads(files["manifest.json"]))
    assert not [(text, folder) for text in said for folder in folders if f"{folder}/" in text or text == folder]
    for name, content in files.items():
        assert not [folder for folder in folders if f"{folder}/".encode() in content], name


def test_provenance_says_what_the_bundle_was_made_from():
    made, provenance = ingredients(), bundle().manifest.provenance
    assert provenance["config_digest"] == made.result["config_digest"]
    assert provenance["versions"] == made.result["versions"]
    assert provenance["data"] == made.result["data"]
    assert provenance["backbone"]["name"] == "mobilenet_v2"
    assert provenance["config"]["classifier"]["kappa"] == made.settings.classifier.variance_prior_strength


def scored(made):
    return made.found["float32"].measured.scores.log_joint.copy()


def check_spoiled(made, files, scores=None, **changes):
    """Hold a sound bundle against another measurement than its own."""
    one = made.found["float32"]
    if scores is not None:
        changes["scores"] = one.measured.scores._replace(log_joint=scores)
    check_assembled(files, one._replace(measured=one.measured._replace(**changes)), made.validation)


def test_a_bundle_that_does_not_embed_what_was_measured_is_refused():
    x = ingredients(FAST).found["float32"].measured.embeddings.copy()
    x[5] += np.linspace(0, 0.2, FEATURES)
    with pytest.raises(
        ExportError, match=r"does not do what was measured: at red/5.png .* cosine 0\.99.*Delete the cache"
    ):
        check_spoiled(ingredients(FAST), bundle_files(FAST), embeddings=x)


def test_a_bundle_that_does_not_score_what_was_measured_is_refused():
    scores = scored(ingredients(FAST))
    scores[3, 1] *= 1.01
    with pytest.raises(ExportError, match=r"at blue/3.png .* scores differ by \d"):
        check_spoiled(ingredients(FAST), bundle_files(FAST), scores=scores)


def test_a_bundle_is_held_against_what_was_measured_before_it_leaves():
    made, one = ingredients(FAST), ingredients(FAST).found["float32"]
    scores = one.measured.scores._replace(log_joint=2 * scored(made))
    other = one._replace(measured=one.measured._replace(scores=scores))
    with pytest.raises(ExportError, match="does not do what was measured"):
        assemble(made, found={"float32": other})


def test_a_constant_shared_by_all_tags_is_no_difference():
    check_spoiled(ingredients(FAST), bundle_files(FAST), scores=scored(ingredients(FAST)) - 3)


def test_a_score_that_is_finite_on_one_side_only_is_refused():
    scores = scored(ingredients(FAST))
    scores[:, 2] = -np.inf
    with pytest.raises(ExportError, match="scores differ by inf"):
        check_spoiled(ingredients(FAST), bundle_files(FAST), scores=scores)


GHOST = (*TAGS, DatasetTag("ghost", "never seen"))


@pytest.mark.slow
def test_a_tag_without_training_pictures_is_shipped_never_suggested_and_hides_no_difference_of_others():
    made = ingredients(FAST, tags=GHOST)
    files, one = assemble(made), made.found["float32"].measured
    got = check_bundle(files)
    assert [label.name for label in got.labels][-1] == "never seen"
    assert got.rows.count[-1] == 0
    executor = load_executor(files["model.tflite"], got.manifest)
    scores = score_rows(executor, one.embeddings[0], got.rows)
    assert np.isfinite(scores[:-1]).all()
    assert scores[-1] == scored(made)[0, -1] == -np.inf
    spoiled = scored(made)
    spoiled[3, 1] *= 1.01
    with pytest.raises(ExportError, match="does not do what was measured"):
        check_spoiled(made, files, scores=spoiled)


def test_without_validation_pictures_the_figures_are_null_and_said_to_be_missing():
    files = assemble(ingredients(FAST, per_tag=0))
    metrics = check_bundle(files).manifest.metrics["float32"]
    assert all(metrics[key] is None for key in ("top1", "log_loss", "coverage", "cosine_to_float"))
    assert "not measured" in card(files)
    assert "nan" not in card(files)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("classifier.variance_prior_strength=inf", "kappa", None),
        ("classifier.variance_prior_strength=7", "kappa", 7),
        ("classifier.class_prior=counts", "class_prior", "counts"),
        ("classifier.transform=standardised", "transform", "standardised"),
        ("classifier.mean_variance_floor=0.1", "mean_prior", True),
        ("classifier.mean_variance_floor=null", "mean_prior", False),
    ],
)
def test_the_classifiers_settings_stand_in_the_manifest(override, key, value):
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
def test_onnx_has_the_statistics_of_float32_whatever_ships():
    files, made = assemble(brighter()), brighter()
    for name, variant in (("statistics.safetensors", "int8"), ("onnx/statistics.safetensors", "float32")):
        tensors, metadata = read_tensors(files[name], name)
        assert metadata == {"embedding_space": made.found[variant].space}
        np.testing.assert_array_equal(tensors["mean"], made.found[variant].measured.fitted.statistics.mean)
    got = check_bundle(files).manifest
    assert (got.model.variant, got.embedding_space) == ("int8", made.found["int8"].space)
    assert got.model.quantization["calibration_pictures"] == made.result["data"]["train"] < 100
    assert got.onnx == OnnxInfo(made.found["float32"].space, made.found["float32"].measured.decision)
    assert set(got.metrics) == {"float32", "int8"}
    assert "with the **int8** model" in card(files)
    assert bundle().manifest.model.quantization is None


def test_statistics_are_those_of_the_fit_to_the_last_bit():
    tensors = load_tensors(bundle_files()["statistics.safetensors"])
    for name, value in ingredients().found["float32"].measured.fitted.statistics._asdict().items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], value)


def test_the_model_card_names_figures_data_network_and_use():
    said, figures = card(bundle_files()), bundle().manifest.metrics["float32"]
    row = next(line for line in said.splitlines() if line.startswith("| float32"))
    cells = [f"{100 * figures[key]:.1f} %" for key in ("top1", "top5")]
    cells += [f"{figures['log_loss']:.2f}", f"{figures['ece']:.3f}", f"{100 * figures['coverage']:.1f} %"]
    cells += [f"{figures['set_size']:.1f}", f"{figures['cosine_to_float']:.4f}"]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["float32", *cells]
    for part in ("4 tags", "mobilenet_v2", f"{SIZE} x {SIZE} pixels", f"{FEATURES} features", "fingerprint ffffffff"):
        assert part in said
    assert f"temperature\n  {bundle().manifest.decision.calibration.temperature:.4g}" in said
    assert "**Not for**" in said
    assert bundle().manifest.model.block == BLOCK


def test_the_model_card_names_the_licence_of_published_weights_and_knows_none_of_others():
    published = ingredients(FAST)
    assert published.settings.backbone.weights == "imagenet"
    licence = PRETRAINED["mobilenet_v2"].licence
    assert f"licence: {licence}." in card(bundle_files(FAST))
    assert bundle(FAST).manifest.provenance["backbone"]["weights"]["licence"] == licence
    own = replace(published.settings, backbone=replace(published.settings.backbone, weights="mine.safetensors"))
    said = card(assemble(published, settings=own))
    assert licence not in said
    assert "licence: that of the weights file, which this bundle does not know" in said


def test_a_tag_whose_name_cannot_be_printed_is_not_shipped():
    tags = (*TAGS[:3], DatasetTag("n02", "two\nlines"))
    with pytest.raises(BundleError, match=r"labels\.json: 3: .*printable"):
        assemble(ingredients(FAST, tags=tags))
