"""What recovers the loss of int8: statistics of its own embeddings, beside those of float32.

python experiments/quantization.py ZIP [--weights FILE]

Fits on 450 pictures a tag, calibrates on 50, reports validation once, on the network that was fitted on and on the
other. Prints a table.
"""

import argparse

from embeddings import arguments, embeddings, settings

from imagetagger.classifier.fit import fit_classifier, multi_hot, score_embeddings
from imagetagger.evaluation.evaluate import calibrate_classifier, evaluate_classifier

FIGURES = ("top1", "top5", "log_loss", "ece", "coverage", "set_size")


def main() -> None:
    """Fit on each network, try on each, print the table."""
    given = arguments(argparse.ArgumentParser(description=__doc__)).parse_args()
    found = {name: embeddings(given.zip, given.weights, variant=name) for name in ("float32", "int8")}
    print("| classifier | fitted on | used with | top-1 | top-5 | log loss | ECE | coverage | tags in a set |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for classifier in ("gnb", "whitened"):
        made = settings("+experiment=whitened", f"classifier={classifier}")
        for one, fitted_on in found.items():
            tags = len(fitted_on.tags)
            fitted = fit_classifier(fitted_on.train, fitted_on.labels[:, None], fitted_on.held, tags, made.classifier)
            kept = multi_hot(fitted_on.labels[fitted_on.held][:, None], tags)
            decision = calibrate_classifier(
                score_embeddings(fitted, fitted_on.train[fitted_on.held]), kept, made.calibrate
            )
            for other, used in found.items():
                if (one, other) == ("int8", "float32"):
                    continue
                truth = multi_hot(used.truth[:, None], tags)
                told = evaluate_classifier(fitted, decision, used.validation, truth, made.calibrate.coverage).figures
                forms = ("{:.2%}", "{:.2%}", "{:.3f}", "{:.4f}", "{:.2%}", "{:.2f}")
                cells = [form.format(told[key]).replace("%", " %") for key, form in zip(FIGURES, forms, strict=True)]
                print(f"| {classifier} | {one} | {other} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
