"""What recovers the loss of int8: statistics of its own embeddings, beside those of float32.

python -m experiments.quantization.recovery ZIP [--weights FILE]

Fits on 450 pictures per tag, calibrates on the same ones out of fold, reports validation once, with the variant that it
is fitted on and with the other. Prints a table.
"""

from collections.abc import Sequence

from experiments.common.arguments import data_parser
from experiments.common.classifiers import evaluate_run
from experiments.common.embeddings import compose_settings, embed_tiny_imagenet
from experiments.common.tables import Column, Row, markdown_table
from imagetagger.options import Variant

PAIRS: tuple[tuple[Variant, Variant], ...] = (("float32", "float32"), ("float32", "int8"), ("int8", "int8"))
"""The variant that a classifier is fitted on, and the one it is used with."""

COLUMNS = (
    Column("classifier"),
    Column("fitted_on", "fitted on"),
    Column("used_with", "used with"),
    Column("top1", "top-1", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("log_loss", "log loss", ".3f"),
    Column("ece", "ECE", ".4f"),
    Column("coverage", "coverage", ".2%"),
    Column("set_size", "tags per set", ".2f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on each variant, evaluate on each, print the table."""
    options = data_parser(__doc__).parse_args(arguments)
    variants: tuple[Variant, ...] = ("float32", "int8")
    embedded = {v: embed_tiny_imagenet(options.zip, options.weights, v, options.override) for v in variants}
    rows: list[Row] = []
    for classifier in ("gnb", "whitened"):
        settings = compose_settings("+experiment=whitened", f"classifier={classifier}", *options.override)
        for fitted_on, used_with in PAIRS:
            metrics = evaluate_run(settings, embedded[fitted_on], embedded[used_with]).metrics
            rows.append({"classifier": classifier, "fitted_on": fitted_on, "used_with": used_with, **metrics})
    print(markdown_table(rows, COLUMNS))


if __name__ == "__main__":
    main()
