"""Plain Gaussian naive Bayes on Tiny ImageNet: runs side by side.

python -m experiments.tiny_imagenet.run LABEL=RUN_FOLDER ...

Prints a table of the runs' metrics; writes results.csv and figure.png.
"""

from collections.abc import Sequence

from experiments.common.accuracy import compare_accuracy


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare the runs."""
    compare_accuracy(__doc__, __file__, arguments)


if __name__ == "__main__":
    main()
