"""Bundles with a transform, a prior on the means and conformal tag sets."""

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.executor import embed_image, load_executor, score_rows
from imagetagger.bundle.golden import golden_tags
from imagetagger.bundle.reader import Rows, check_bundle
from imagetagger.bundle.verify import verify_bundle
from imagetagger.data.dataset import DatasetTag
from imagetagger.export.assemble import assemble_bundle
from imagetagger.prediction.decision import apply_decision
from imagetagger.prediction.novelty import novelty_score
from imagetagger.preprocess import preprocess
from tests.helpers.bundles import SIZE, TAGS, WHITENED, bundle, bundle_files, ingredients

FAST = "export.onnx=false"


def card(*overrides):
    return " ".join(bundle_files(*overrides)["MODEL_CARD.md"].decode().split())


def test_the_bundle_decides_as_the_classifier_that_was_measured():
    made = ingredients(*WHITENED)
    one, got = made.found["float32"].measured, bundle(*WHITENED)
    executor = load_executor(got.files["model.tflite"], got.manifest)
    blank = Rows(*(np.zeros((1, *part.shape[1:]), np.float32) for part in got.rows))
    scores, fits = [], []
    for i in range(len(made.validation.ids)):
        embedding = embed_image(executor, preprocess(made.validation.read(i), SIZE))
        scores.append(score_rows(executor, embedding, got.rows))
        fits.append(novelty_score(scores[-1][None], score_rows(executor, embedding, blank))[0])
    log_p, sets = apply_decision(np.array(scores), got.manifest.decision)
    wanted, wanted_sets = apply_decision(one.scores.log_joint, one.decision)
    np.testing.assert_allclose(np.exp(log_p), np.exp(wanted), atol=1e-4)
    np.testing.assert_array_equal(sets, wanted_sets)
    np.testing.assert_allclose(fits, one.scores.fits, atol=0.1)


def test_embeddings_of_the_bundle_are_transformed_and_its_rows_are_of_them():
    got, fitted = bundle(*WHITENED), ingredients(*WHITENED).found["float32"].measured.fitted
    assert got.manifest.model.features == 12
    assert (got.manifest.classifier.transform, got.manifest.classifier.mean_prior) == ("whitened", True)
    np.testing.assert_array_equal(got.rows.mean, fitted.statistics.mean)
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
    found = "\n".join(verify_bundle(tmp_path / "bundle"))
    assert "onnx/: 4 golden pictures" in found
    golden = [load_tensors(bundle_files(*WHITENED)[f"{folder}/golden.safetensors"]) for folder in ("golden", "onnx")]
    np.testing.assert_allclose(golden[0]["embeddings"], golden[1]["embeddings"], atol=1e-4)


@pytest.mark.parametrize("overrides", [(), ("calibrate.prediction_set=aps",), ("calibrate.coverage=0.5",)])
def test_the_decision_of_the_manifest_is_the_one_that_was_fitted(overrides):
    got = bundle(FAST, *WHITENED, *overrides).manifest.decision
    assert got == ingredients(FAST, *WHITENED, *overrides).found["float32"].measured.decision
    assert got.prediction_set.coverage == (0.5 if "calibrate.coverage=0.5" in overrides else 0.75)
    assert got.unknown.rate == 0.05


def test_the_model_card_says_what_is_promised_and_when_nothing_fits():
    said = card(FAST, *WHITENED)
    assert "as few tags as hold the right one 75 % of the time, set on pictures kept aside (conformal)" in said
    assert "a picture whose best tag fits worse than that of 95 % of known pictures" in said
    assert "on 12 features" in said
    said = card(FAST, *WHITENED, "calibrate.prediction_set=aps")
    assert "the most probable tags that together hold the right one 75 % of the time" in said


def test_the_model_card_promises_nothing_where_the_rule_does_not():
    assert "the most probable tags until their probabilities sum to 0.9" in card(FAST)
    assert "**Unknown**: not told" in card(FAST)
    said = card(FAST, "calibrate.prediction_set=top_k", "calibrate.top_k=3")
    assert "the 3 most probable tags" in said
    assert "conformal" not in said


def test_a_tag_without_training_pictures_scores_as_the_background_and_is_never_shown():
    made = ingredients(FAST, *WHITENED, tags=(*TAGS, DatasetTag("ghost", "never seen")))
    files, one = assemble_bundle(*made), made.found["float32"].measured
    got = check_bundle(files)
    assert got.rows.count[-1] == 0
    executor = load_executor(files["model.tflite"], got.manifest)
    embedding = embed_image(executor, np.zeros((SIZE, SIZE, 3), np.uint8))  # unlike any tag
    scores = score_rows(executor, embedding, got.rows)
    assert scores[-1] > scores[:-1].max()
    shown = golden_tags(scores, got.rows, got.manifest)
    assert shown
    assert all(entry["row"] < len(TAGS) for entry in shown)
    assert not np.isfinite(one.scores.log_joint[:, -1]).any()
    assert not apply_decision(one.scores.log_joint, one.decision)[1][:, -1].any()


def test_rows_without_any_picture_show_nothing():
    got = bundle(FAST, *WHITENED)
    none = Rows(*(np.zeros_like(part) for part in got.rows))
    assert golden_tags(np.zeros(len(TAGS), np.float32), none, got.manifest) == []
