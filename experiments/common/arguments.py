"""Command-line arguments that studies share."""

import argparse
from pathlib import Path


def study_parser(description: str | None, script: str | None = None) -> argparse.ArgumentParser:
    """Make a parser; with `script`, the file of a study, it has `--out` for results.csv and figure.png."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if script:
        folder = Path(script).parent
        parser.add_argument("--out", type=Path, default=folder, help="folder of results.csv and figure.png")
    return parser


def data_parser(description: str | None, script: str | None = None) -> argparse.ArgumentParser:
    """Make a parser for a study that embeds Tiny ImageNet; see embeddings.embed_tiny_imagenet."""
    parser = study_parser(description, script)
    parser.add_argument("zip", type=Path, help="Tiny ImageNet's official zip")
    parser.add_argument("--weights", default="imagenet", help="of MobileNetV2: a file, or imagenet to download them")
    parser.add_argument(
        "--override", action="append", default=[], metavar="KEY=VALUE", help="a setting that differs from whitened.yaml"
    )
    return parser
