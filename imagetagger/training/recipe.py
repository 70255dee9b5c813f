"""A recipe as it takes effect on the pictures at hand."""

from dataclasses import replace

from imagetagger.config.schema import TrainingConfig

MIN_BATCHES = 8
"""Batches of an epoch, at least: small data sets get smaller batches."""

MIN_TUNING_PICTURES = 200
"""With fewer, the best epoch would be chosen by chance, so the last one is kept."""


def effective_recipe(recipe: TrainingConfig, pictures: int, tuning: int) -> TrainingConfig:
    """Return a recipe with the batch size that its pictures allow, and without what has no effect on them.

    Args:
        recipe: settings.
        pictures: that the network learns from.
        tuning: pictures that may choose the epoch.
    """
    return replace(
        recipe,
        batch_size=max(1, min(recipe.batch_size, pictures // MIN_BATCHES)),
        patience=recipe.patience if tuning >= MIN_TUNING_PICTURES else None,
        crops=recipe.crops if recipe.blocks != "all" else 0,  # all blocks crop again in each epoch
        distillation_weight=recipe.distillation_weight if recipe.teacher else 0.0,
    )
