import msgspec
import pytest

from imagetagger.export.model_card import model_card
from imagetagger.export.parity import Parity
from imagetagger.prediction.decision import NoveltyRule
from tests.helpers.bundles import BLOCK, FEATURES, SIZE, bundle
from tests.helpers.made import RULES_MADE
from tests.helpers.trained import FROZEN, GATE_KEPT, RECIPE

pytestmark = pytest.mark.slow

PARITY = Parity(32, 16, 0.99, 1, 0)


@pytest.fixture(scope="module")
def manifest():
    return bundle("export.onnx=false").manifest


def card(manifest, parity=None, **changes):
    """The words of a model card, one space between two of them."""
    return " ".join(model_card(msgspec.structs.replace(manifest, **changes), parity).split())


def row(manifest, variant, **changes):
    """The cells of a variant's row in the table of metrics."""
    text = model_card(msgspec.structs.replace(manifest, **changes))
    line = next(line for line in text.splitlines() if line.startswith(f"| {variant} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_card_names_metrics_data_network_and_use(manifest):
    text, metrics = card(manifest), manifest.metrics["float32"]
    cells = ["32", *(f"{100 * metrics[key]:.1f} %" for key in ("top1", "top5"))]
    cells += [f"{metrics['log_loss']:.2f}", f"{metrics['ece']:.3f}", f"{100 * metrics['coverage']:.1f} %"]
    cells += [f"{metrics['set_size']:.1f}", f"{metrics['cosine_to_float']:.4f}"]
    assert row(manifest, "float32") == ["float32", *cells]
    assert f"They hold it for {100 * metrics['coverage']:.1f} % of the evaluation pictures." in text
    for part in ("4 tags", "mobilenet_v2", f"{SIZE} x {SIZE} pixels", f"{FEATURES} features", "fingerprint ffffffff"):
        assert part in text
    assert f"at temperature {manifest.decision.calibration.temperature:.4g}." in text
    assert "**Not for**" in text
    assert manifest.model.block == BLOCK


def test_the_variant_in_the_bundle_leads_and_its_parity_with_float32_is_stated(manifest):
    metrics = manifest.metrics | {"int8": manifest.metrics["float32"] | {"cosine_to_float": 0.99}}
    model = msgspec.structs.replace(manifest.model, variant="int8")
    text = card(manifest, PARITY, model=model, metrics=metrics)
    assert "with the **int8** model" in text
    assert text.index("| int8 |") < text.index("| float32 |")
    assert (
        "both fitted on the same 32 pictures: of 16 evaluation pictures, float32 alone classifies 1 correctly" in text
    )
    assert "int8 alone 0 (McNemar p = 1)" in text
    assert "McNemar" not in card(manifest, PARITY)  # float32 itself
    assert "McNemar" not in card(manifest, model=model, metrics=metrics)


def test_without_validation_pictures_metrics_are_missing_not_invented(manifest):
    unknown = dict.fromkeys(manifest.metrics["float32"]) | {"train": 32}
    for metrics in ({}, {"float32": unknown}):
        text = card(manifest, metrics=metrics)
        assert "coverage was not measured, as there were no evaluation pictures" in text
        assert not {"nan", "None"} & set(text.split())
    assert row(manifest, "float32", metrics={"float32": unknown}).count("not measured") == 3


def test_the_card_names_the_licence_of_the_weights_where_it_is_known(manifest):
    assert "licence: that of the weights file, which this bundle does not know" in card(manifest)
    weights = {"name": "imagenet", "sha256": "a" * 64, "licence": "Apache-2.0"}
    backbone = manifest.provenance["backbone"] | {"weights": weights}
    text = card(manifest, provenance=manifest.provenance | {"backbone": backbone})
    assert f"**Weights**: imagenet, SHA-256 {'a' * 64}; licence: Apache-2.0." in text


@pytest.mark.parametrize(
    ("rule", "sets", "guaranteed"),
    [
        (
            "lac",
            "the right one 90 % of the time, set on pictures that the model had not seen (conformal)",
            True,
        ),
        ("aps", "the most probable tags that together hold the right one 90 % of the time", True),
        ("cumulative", "the most probable tags until their probabilities sum to 0.9", False),
        ("top_k", "the 2 most probable tags", False),
    ],
)
def test_the_card_names_the_rule_and_a_guarantee_only_where_there_is_one(manifest, rule, sets, guaranteed):
    text = card(manifest, decision=msgspec.structs.replace(RULES_MADE[rule], novelty=None))
    assert sets in text
    assert ("conformal" in text) == guaranteed


def test_the_card_names_which_pictures_are_unknown(manifest):
    assert "**Unknown pictures**: not detected, as the classifier has no background." in card(manifest)
    decision = msgspec.structs.replace(manifest.decision, novelty=NoveltyRule(-7.0, 0.05))
    text = card(manifest, decision=decision, classifier=msgspec.structs.replace(manifest.classifier, mean_prior=True))
    assert "**Unknown pictures**: those more novel than 95 % of known pictures are expected to be." in text


def test_names_are_shown_as_they_are_not_as_markdown(manifest):
    provenance = manifest.provenance | {"data": manifest.provenance["data"] | {"name": "<b>*x*</b>\n# evil\x1b[2J"}}
    card = model_card(
        msgspec.structs.replace(manifest, name="[a](b) | c", provenance=provenance), warnings=["<i>\n- x"]
    )
    assert "# \\[a\\](b) \\| c\n" in card
    assert "\\<b\\>\\*x\\*\\</b\\>\\\\n# evil\\\\x1b\\[2J, fingerprint" in card
    assert "- \\<i\\>\\\\n- x\n" in card


TRAINING = {
    "recipe": RECIPE,
    "parent_sha256": "a" * 64,
    "weights_sha256": "b" * 64,
    "pictures": 61_500,
    "tuning": 4_500,
    "epochs": 12,
    "best_epoch": 10,
    "stopped": None,
    "gate": None,
    "frozen": msgspec.to_builtins(FROZEN),
    "top1": 0.665,
}


def tuned_card(manifest, split="validation", **changes):
    config = manifest.provenance["config"] | {"evaluate": {"split": split}}
    provenance = manifest.provenance | {"config": config, "training": TRAINING | changes}
    return card(manifest, provenance=provenance)


def test_the_card_says_how_the_network_was_fine_tuned(manifest):
    text = tuned_card(manifest)
    assert "**Fine-tuning**: the last 3 blocks and the head of the network were trained on 61,500 of the" in text
    assert f"from weights with SHA-256 {'a' * 64}; those after epoch 10 of 12 were kept, SHA-256 {'b' * 64}." in text
    assert "AdamW, learning rate 0.001, at most 12 epochs, batches of 128" in text
    assert "The metrics below are of pictures that the network was not trained on." in text
    assert "has a top-1 of 66.5 %, one on features of the frozen network 61.0 %: of 60 pictures, only the" in text
    assert "former classifies 14 correctly, only the latter 5 (McNemar p = 0.064)." in text
    assert "**Fine-tuning**" not in card(manifest)
    alone = tuned_card(manifest, frozen=None, parent_sha256=None)
    assert "features of the frozen network" not in alone
    assert "from weights with SHA-256 unknown" in alone


def test_the_card_claims_nothing_of_pictures_that_the_network_may_have_been_trained_on(manifest):
    assert "was not trained on" not in tuned_card(manifest, split="out_of_fold")


def test_the_card_says_that_the_frozen_network_was_kept(manifest):
    gate = msgspec.to_builtins(GATE_KEPT)
    text = tuned_card(manifest, epochs=0, gate=gate, frozen=None, weights_sha256=None)
    assert (
        "**Fine-tuning**: none. On 240 pictures not seen before, top-1 was 81.2 % tuned and 82.1 % frozen, so the "
        "network is as it was."
    ) in text
    assert "trained on" not in text.replace("fitted", "")


def test_a_recipe_is_shown_as_it_is_not_as_markdown(manifest):
    assert "\\<b\\>\\*x\\*" in tuned_card(manifest, recipe={"optimizer": "<b>*x*"})
