"""`python -m imagetagger.cli`: the console script without its file."""

from imagetagger.cli import main

main()
