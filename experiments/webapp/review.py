"""Review photographs of some tags in the web app: how many presses does it take?

python -m experiments.webapp.review FOLDER [--tags 10] [--per-tag 10] [--split 0]

FOLDER has a sub-folder per tag, of photographs that the everyday tagger sees for the first time. A suggestion is right
if it is the tag, one of its synonyms, or below it: "brown bear" for a bear. Needs `make webapp`, and Chromium.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from experiments.common.arguments import study_parser
from experiments.webapp.opened import everyday_app
from imagetagger.bundle.labels import Label, Term
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from tests.helpers.app import choose, go, picture
from tests.helpers.reviewing import review


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the number of presses."""
    parser = study_parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--per-tag", type=int, default=10)
    parser.add_argument("--split", type=int, default=0, help="draw of the tags and pictures")
    options = parser.parse_args(arguments)
    rng = random.Random(options.split)
    tags = rng.sample(sorted(path.name for path in options.folder.iterdir() if path.is_dir()), options.tags)
    chosen = {tag: rng.sample(sorted((options.folder / tag).iterdir()), options.per_tag) for tag in tags}
    files = {f"{tag} {path.name}": path for tag, paths in chosen.items() for path in paths}
    names = {tag: names_below(tag) for tag in tags}
    with everyday_app(1600, 4000) as page:
        made = [picture(name, path.read_bytes(), "image/jpeg") for name, path in files.items()]
        choose(page, made, f"{len(made)} pictures added")
        go(page, "Pictures")
        presses = review(
            page,
            lambda file, name: name.lower() in names[file.split()[0]],
            lambda file: file.split()[0],
        )
    print(f"{len(files)} photographs of {len(tags)} tags ({', '.join(tags)}): {presses} presses")


def names_below(tag: str) -> set[str]:
    """The names of a tag and of everything below it, in lower case."""
    bundle = read_bundle(everyday_bundle())
    everything: list[Label | Term] = [*bundle.labels, *bundle.terms]
    found = {each.id for each in everything if tag in (each.name, *each.synonyms)}
    while more := {each.id for each in everything if found.intersection(each.broader)} - found:
        found |= more
    return {tag} | {each.name.lower() for each in everything if each.id in found}


if __name__ == "__main__":
    main()
