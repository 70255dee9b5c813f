"""Bundles with a transform, a prior on the means and conformal prediction sets."""

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.executor import embed_image, load_executor, score_rows
from imagetagger.bundle.golden import append_empty_row, golden_tags, score_tolerance
from imagetagger.bundle.reader import Rows, check_bundle
from imagetagger.bundle.verify import verify_bundle
from imagetagger.data.dataset import DatasetTag
from imagetagger.export.assemble import assemble_bundle
from imagetagger.prediction.predict import log_class_prior, predict
from imagetagger.preprocess import preprocess
from tests.helpers.bundles import FEATURES, SIZE, TAGS, WHITENED, bundle, bundle_files, ingredients
from tests.helpers.precision import rounding

pytestmark = pytest.mark.slow

FAST = "export.onnx=false"


def evaluated(*overrides, **options):
    return ingredients(*overrides, **options).variants["float32"].evaluation


def test_the_bundle_predicts_as_the_classifier_that_was_evaluated():
    made, got = ingredients(*WHITENED), bundle(*WHITENED)
    evaluation, executor = evaluated(*WHITENED), load_executor(got.files["model.tflite"], got.manifest)
    scores = []
    for i in range(len(made.validation.ids)):
        embedding = embed_image(executor, preprocess(made.validation.read(i), SIZE))
        scores.append(score_rows(executor, embedding, append_empty_row(got.rows)))
    scores = np.array(scores)
    log_prior = log_class_prior(got.rows.count, got.manifest.classifier.class_prior)
    prediction = predict(scores[:, :-1], scores[:, -1], log_prior, got.manifest.decision)
    data = evaluation.data.scores
    expected = predict(data.log_joint, data.background, evaluation.classifier.log_prior, evaluation.decision)
    temperature = evaluation.decision.calibration.temperature
    tolerance = max(score_tolerance(one, temperature) for one in data.log_joint)
    np.testing.assert_allclose(prediction.novelty_score, expected.novelty_score, rtol=0, atol=tolerance)
    np.testing.assert_allclose(prediction.probability, expected.probability, rtol=0, atol=tolerance / temperature)
    np.testing.assert_array_equal(prediction.in_set, expected.in_set)


def test_embeddings_of_the_bundle_are_transformed_and_its_rows_are_of_them():
    got = bundle(*WHITENED)
    assert got.manifest.model.features == 12
    assert (got.manifest.classifier.transform, got.manifest.classifier.mean_prior) == ("whitened", True)
    np.testing.assert_array_equal(got.rows.mean, evaluated(*WHITENED).classifier.statistics.mean)
    executor = load_executor(got.files["model.tflite"], got.manifest)
    embedding = embed_image(executor, np.full((SIZE, SIZE, 3), 77, np.uint8))
    assert embedding.shape == (12,)
    assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-3)


def test_another_transform_is_another_embedding_space():
    spaces = {
        bundle(FAST).manifest.embedding_space,
        bundle(FAST, *WHITENED).manifest.embedding_space,
        bundle(FAST, *WHITENED, "classifier.unit_length=false").manifest.embedding_space,
    }
    assert len(spaces) == 3


def test_it_verifies_with_onnx_whose_matrix_is_not_rounded_again(tmp_path):
    write_folder(bundle_files(*WHITENED), tmp_path / "bundle")
    assert any(line.startswith("onnx/: 4 golden pictures") for line in verify_bundle(tmp_path / "bundle"))
    golden = [load_tensors(bundle_files(*WHITENED)[f"{folder}/golden.safetensors"]) for folder in ("golden", "onnx")]
    np.testing.assert_allclose(golden[0]["embeddings"], golden[1]["embeddings"], rtol=0, atol=rounding(8 * FEATURES))


@pytest.mark.parametrize("overrides", [(), ("calibrate.prediction_set=aps",), ("calibrate.coverage=0.5",)])
def test_the_decision_of_the_manifest_is_the_one_that_was_fitted(overrides):
    got = bundle(FAST, *WHITENED, *overrides).manifest.decision
    assert got == evaluated(FAST, *WHITENED, *overrides).decision
    assert got.prediction_set.coverage == (0.5 if "calibrate.coverage=0.5" in overrides else 0.75)
    assert got.novelty.fpr == 0.05


def test_a_tag_without_training_pictures_scores_as_the_background_and_is_never_shown():
    made = ingredients(FAST, *WHITENED, tags=(*TAGS, DatasetTag("ghost", "never seen")))
    files, evaluation = assemble_bundle(*made), made.variants["float32"].evaluation
    got = check_bundle(files)
    assert got.rows.count[-1] == 0
    executor = load_executor(files["model.tflite"], got.manifest)
    embedding = embed_image(executor, np.zeros((SIZE, SIZE, 3), np.uint8))  # unlike any tag
    scores = score_rows(executor, embedding, got.rows)
    assert scores[-1] > scores[:-1].max()
    shown = golden_tags(scores, got.rows, got.score_offset, got.manifest)
    assert shown
    assert all(entry.row < len(TAGS) for entry in shown)
    assert not np.isfinite(evaluation.data.scores.log_joint[:, -1]).any()
    assert not evaluation.in_set[:, -1].any()


def test_rows_without_any_picture_show_nothing():
    got = bundle(FAST, *WHITENED)
    none = Rows(*(np.zeros_like(part) for part in got.rows))
    assert golden_tags(np.zeros(len(TAGS), np.float32), none, got.score_offset, got.manifest) == ()
