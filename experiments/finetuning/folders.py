"""Fine-tuning on a small folder: bundles with tuned and with frozen features, on five folds of its pictures.

python -m experiments.finetuning.folders FOLDER [--per-tag 8 100] [--override KEY=VALUE ...]

Each fold is tested in turn: of the other pictures, some per tag make a bundle, by `+experiment=finetune` and by
`+experiment=folder`, and both bundles tag the pictures of the fold. Prints the balanced accuracies; writes folders.csv
after each bundle, and does not make those again that it lists.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from experiments.common.arguments import study_parser
from experiments.common.embeddings import compose_settings
from experiments.common.tables import Column, Row, markdown_table, read_csv, write_csv
from imagetagger import Tagger
from imagetagger.bundle.archive import write_folder
from imagetagger.experiment.pipeline import run_experiment

FOLDS = 5
COLUMNS = (
    Column("per_tag", "pictures per tag", ".0f"),
    Column("frozen", "frozen", ".2%"),
    Column("tuned", "tuned", ".2%"),
    Column("gain", "gain", "+.2%"),
    Column("used", "folds that used it", ".0f"),
    Column("minutes", "minutes per run", ".1f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the bundles, test them, print the table."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("folder", type=Path, help="a sub-folder per tag")
    parser.add_argument("--per-tag", type=int, nargs="+", default=[8, 100])
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE", help="a setting of both")
    options = parser.parse_args(arguments)
    path = options.out / "folders.csv"
    rows: list[Row] = [*read_csv(path)] if path.is_file() else []
    settings = {"folder": options.folder.name, "overrides": " ".join(sorted(options.override))}
    others = [row for row in rows if any(row[key] != value for key, value in settings.items())]
    if others:
        parser.error(f"{path} is of {others[0]['folder']} with {others[0]['overrides'] or 'no overrides'}: name --out")
    done = {(row["method"], int(row["per_tag"]), int(row["fold"])) for row in rows}
    for per_tag in options.per_tag:
        for fold, (train, test) in enumerate(folds(options.folder, per_tag, options.folds)):
            for method, experiment in (("frozen", "folder"), ("tuned", "finetune")):
                if (method, per_tag, fold) in done:
                    continue
                row = evaluate_bundle(experiment, train, test, options.override)
                rows.append({**settings, "per_tag": per_tag, "fold": fold, "method": method, **row})
                write_csv(rows, path)
                print(rows[-1], flush=True)
    print(markdown_table(summaries(rows), COLUMNS))


Listed = list[tuple[Path, str]]
"""Pictures and their tags."""


def folds(folder: Path, per_tag: int, count: int) -> Iterator[tuple[Listed, Listed]]:
    """Yield the training pictures, so many per tag, and the test pictures of each fold."""
    tags = sorted(path.name for path in folder.iterdir() if path.is_dir())
    rng = np.random.default_rng(0)
    shuffled = {tag: rng.permutation(sorted((folder / tag).iterdir())) for tag in tags}
    for fold in range(count):
        test = [(path, tag) for tag in tags for path in shuffled[tag][fold::count]]
        tested = {path for path, _ in test}
        others = {tag: [path for path in shuffled[tag] if path not in tested] for tag in tags}
        yield [(path, tag) for tag in tags for path in others[tag][:per_tag]], test


def evaluate_bundle(experiment: str, train: Listed, test: Listed, overrides: Sequence[str]) -> Row:
    """Make a bundle by an experiment, and return its balanced accuracy on test pictures."""
    with TemporaryDirectory() as temporary:
        listed = Path(temporary) / "train.csv"
        with listed.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("path", "tags"), *((path.resolve(), tag) for path, tag in train)])
        settings = compose_settings(
            f"+experiment={experiment}", f"data.path={listed}", "evaluate.baselines=[]", "export.onnx=false", *overrides
        )
        output = run_experiment(settings)
        assert output.bundle is not None
        write_folder(output.bundle, Path(temporary) / "bundle")
        tagger = Tagger.load(Path(temporary) / "bundle")
        correct: dict[str, list[bool]] = {}
        for path, tag in test:
            correct.setdefault(tag, []).append(tagger.tag(path, top_k=1)[0].name == tag)
    training = output.record.training
    return {
        "balanced_accuracy": float(np.mean([np.mean(right) for right in correct.values()])),
        "tested": sum(map(len, correct.values())),
        "is_used": int(bool(training and training.weights_sha256)),
        "seconds": sum(stage.seconds for stage in output.record.stages.values()),
    }


def summaries(rows: Sequence[Row]) -> list[Row]:
    """Return the mean over the folds, one row per number of pictures."""
    result: list[Row] = []
    for per_tag in dict.fromkeys(int(row["per_tag"]) for row in rows):
        means = {}
        for method in ("frozen", "tuned"):
            own = [row for row in rows if int(row["per_tag"]) == per_tag and row["method"] == method]
            means[method] = float(np.mean([float(row["balanced_accuracy"]) for row in own])) if own else np.nan
        tuned = [row for row in rows if int(row["per_tag"]) == per_tag and row["method"] == "tuned"]
        used = sum(int(row["is_used"]) for row in tuned)
        minutes = float(np.mean([float(row["seconds"]) for row in tuned])) / 60 if tuned else np.nan
        result.append(
            {"per_tag": per_tag, **means, "gain": means["tuned"] - means["frozen"], "used": used, "minutes": minutes}
        )
    return result


if __name__ == "__main__":
    main()
