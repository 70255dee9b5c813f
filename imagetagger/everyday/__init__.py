"""The everyday bundle, which comes with the package: a tagger of photographs without a bundle of one's own."""

from pathlib import Path

EVERYDAY_BUNDLE = Path(__file__).parent / "bundle.zip"


def everyday_bundle() -> Path:
    """Return the path of the everyday bundle.

    Raises:
        FileNotFoundError: this installation lacks it.
    """
    if not EVERYDAY_BUNDLE.is_file():
        raise FileNotFoundError(
            f"the everyday bundle is missing from this installation, expected in {EVERYDAY_BUNDLE}: install "
            "imagetagger again, or name a bundle of your own"
        )
    return EVERYDAY_BUNDLE
