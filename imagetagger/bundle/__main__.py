"""`python -m imagetagger.bundle verify PATH`."""

from imagetagger.cli import bundle

bundle()
