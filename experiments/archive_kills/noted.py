"""`imagetagger archive ...` that notes the content id of each picture that it embeds.

python -m experiments.archive_kills.noted NOTES ARGUMENT ...
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagetagger import cli
from imagetagger.archive.embedding import files
from imagetagger.archive.embedding.embed import EmbeddedFile


def main(notes: str, *arguments: str) -> None:
    """Run the command; a line is in the file of notes before its embedding is in the catalogue."""
    embed_files = files.embed_files

    def noted(*values: Any, **options: Any) -> Iterator[EmbeddedFile]:
        with Path(notes).open("a", encoding="ascii") as file:
            for embedded in embed_files(*values, **options):
                file.write(f"{embedded.content}\n")
                file.flush()
                yield embedded

    files.embed_files = noted
    cli.main(["archive", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
