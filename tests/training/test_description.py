import math

import pytest

from imagetagger.training.description import describe_blocks, describe_duration, describe_recipe
from tests.helpers.trained import RECIPE


def test_a_recipe_names_what_is_on_and_not_what_is_off():
    text = describe_recipe(RECIPE)
    for part in ("AdamW, learning rate 0.001", "batches of 128", "0.5 epochs of warm-up", "weight decay 0.05"):
        assert part in text
    for part in (
        "weights averaged with 0.999",
        "label smoothing 0.1",
        "dropout 0.2",
        "mixup 0.2",
        "rates by depth 0.8",
    ):
        assert part in text
    assert "0.3 of the loss distilled from EfficientNet-Lite0" in text
    assert "cutmix" not in text
    assert "float32" not in text
    off = RECIPE | {"teacher": None, "layer_decay": 1.0, "clip_norm": None, "accumulate": 4, "dtype": "bfloat16"}
    plain = describe_recipe(off)
    assert "batches of 512" in plain
    assert plain.endswith("computed in bfloat16")
    assert not [part for part in ("distilled", "depth", "clipped", "None") if part in plain]


@pytest.mark.parametrize("value", [None, "x", [], {}, math.inf, math.nan, "{0}"])
def test_odd_recipes_are_described_too(value):
    text = describe_recipe(dict.fromkeys(RECIPE, value))
    assert "nan" not in text or value != value
    assert describe_recipe({}) == ""


def test_blocks_are_named_by_number():
    assert [describe_blocks(n) for n in (3, "1", "all", None)] == [
        "the last 3 blocks", "the last block", "all blocks", "no block",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 seconds"), (9.96, "10 seconds"), (119.0, "119 seconds"), (120.0, "2 minutes"), (7199.0, "120 minutes")],
)
def test_durations_are_named_in_their_natural_unit(seconds, text):
    assert describe_duration(seconds) == text
