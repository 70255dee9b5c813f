"""Does a network that was fine-tuned on 150 tags still learn 50 others? Beside the frozen one, on the same pictures.

python -m experiments.finetuning.new_tags ZIP [--weights FILE] [--override KEY=VALUE ...]

As in the study online_learning: transform, prior and 150 known tags come from 450 pictures per tag, and the network is
trained on nine tenths of their pictures; each of the 50 new tags is taught with a few of its pictures, and all
validation pictures are classified among 200 tags. Prints a table; writes new_tags.csv.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.common.arguments import data_parser
from experiments.common.embeddings import compose_settings, embed_tiny_imagenet
from experiments.common.tables import Column, Row, markdown_table, write_csv
from experiments.online_learning.methods import NEW_TAGS, arrival_ranks, make_task, score_exact
from experiments.online_learning.run import accuracy
from imagetagger.backbones.registry import load_backbone
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import select
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import Pictures, load_pictures, subsample
from imagetagger.experiment.training_stages import tune_network
from imagetagger.system.atomic_files import cache_directory, expand_home
from imagetagger.system.memory import keep_freed_memory

PICTURES = (1, 2, 5, 10, 20)
COLUMNS = (
    Column("network", " "),
    Column("pictures", "pictures per new tag", ".0f"),
    Column("new", "new tags", ".2%"),
    Column("old", "known tags", ".2%"),
    Column("all", "all tags", ".2%"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the known tags, teach the others, print the table, write the file."""
    parser = data_parser(__doc__, __file__)
    parser.add_argument("--split", type=int, default=0, help="draw of the new tags")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    settings = compose_settings("+experiment=finetune_tiny_imagenet", "training.gate=always", *options.override)
    tuned = options.out / "new_tags.safetensors"
    tuned.write_bytes(train_without(options.zip, options.weights, settings, options.split))
    rows: list[Row] = []
    resolution = f"backbone.resolution={settings.backbone.resolution}"
    for network, weights in (("frozen", options.weights), ("tuned", str(tuned))):
        embedded = embed_tiny_imagenet(options.zip, weights, "int8", [*options.override, resolution])
        task = make_task(embedded, settings.classifier, options.split)
        lessons = np.random.default_rng(options.split).permutation(np.flatnonzero(task.is_new[task.y]))
        rank = arrival_ranks(task, lessons)
        for pictures in PICTURES:
            scores = score_exact(task, lessons[rank < pictures])
            rows.append({"network": network, "pictures": pictures, **accuracy(task, scores)})
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "new_tags.csv")


def train_without(source: Path, weights: str, settings: Experiment, split: int) -> bytes:
    """Fine-tune the network on the pictures of the known tags alone, and return its file of weights."""
    s = replace(
        settings,
        data=replace(settings.data, path=str(source)),
        backbone=replace(settings.backbone, weights=weights if weights == "imagenet" else str(expand_home(weights))),
    )
    runner, cache = StageRunner(), cache_directory(s.cache)
    loaded = runner.run("load", load_pictures, section=s.data, seed=s.seed, cache=cache)
    pictures = runner.run("subset", subsample, loaded, section=s.data)
    known = StageResult(f"{pictures.key} without {split}", without_new_tags(pictures.value, split))
    backbone = runner.run("backbone", load_backbone, section=s.backbone, seed=s.seed, cache=cache)
    tuned = tune_network(runner, s, known, backbone).value
    assert tuned.weights is not None  # training.gate=always
    return tuned.weights


def without_new_tags(pictures: Pictures, split: int) -> Pictures:
    """Leave out the training pictures of the tags that are taught later; see online_learning.methods.make_task."""
    dataset = pictures.dataset
    new = np.random.default_rng(split).permutation(len(dataset.tags))[:NEW_TAGS]
    rows = np.flatnonzero(~np.isin(dataset.train.labels[:, 0], new))
    return pictures._replace(
        dataset=dataset._replace(train=select(dataset.train, rows)),
        rank=pictures.rank[rows],
        groups=pictures.groups[rows],
    )


if __name__ == "__main__":
    main()
