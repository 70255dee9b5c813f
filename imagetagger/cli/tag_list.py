"""The command `tags`: list them, and change the vocabulary."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from imagetagger.cli.lesson_store import change_lessons, lessons_to_change, lessons_to_read
from imagetagger.cli.teaching import join_names
from imagetagger.cli.terminal import print_json, print_line

if TYPE_CHECKING:
    from imagetagger.tagger.tagger import KnownTag, Tagger


def run_tag_list(options: argparse.Namespace) -> int:
    """List the tags."""
    from imagetagger.tagger.tagger import Tagger

    tagger = Tagger.load(options.bundle, lessons_to_read(options))
    tags = [tag for tag in tagger.tags if tag.taught or not options.taught]
    ids = {tag.id for tag in tagger.tags}
    terms = {key: name for key, name in tagger.hidden if key not in ids}
    if options.json:
        for tag in tags:
            print_json({**tag._asdict(), "is_term": False})
        for key, name in terms.items():
            print_json({"id": key, "name": name, "is_hidden": True, "is_term": True})
        return 0
    for tag in tags:
        print_line(_tag_line(tag))
    if terms:
        print_line(f"hidden terms, with what is below: {join_names(list(terms.values()))}")
    return 0


def run_tag_change(options: argparse.Namespace) -> int:
    """Add, rename, merge, separate, remove, hide or show tags."""
    from imagetagger.tagger.tagger import Tagger

    path = lessons_to_change(options)
    tagger = Tagger.load(options.bundle)
    done = _description(options)

    def change() -> str:
        CHANGES[options.action](tagger, options)
        return done

    change_lessons(path, tagger, change)
    if options.json:
        print_json({"done": done})
    else:
        print_line(done)
    return 0


def _add(tagger: "Tagger", options: argparse.Namespace) -> None:
    for name in options.tags:
        tagger.add_tag(name)


def _rename(tagger: "Tagger", options: argparse.Namespace) -> None:
    tagger.rename_tag(options.tag, options.name)


def _merge(tagger: "Tagger", options: argparse.Namespace) -> None:
    tagger.merge_tags(options.tag, options.into)


def _separate(tagger: "Tagger", options: argparse.Namespace) -> None:
    tagger.separate_tag(options.tag)


def _remove(tagger: "Tagger", options: argparse.Namespace) -> None:
    for tag in options.tags:
        tagger.remove_tag(tag)


def _hide(tagger: "Tagger", options: argparse.Namespace) -> None:
    for tag in options.tags:
        tagger.hide_tag(tag, options.below)


def _unhide(tagger: "Tagger", options: argparse.Namespace) -> None:
    for tag in options.tags:
        tagger.show_tag(tag)


CHANGES: dict[str, Callable[["Tagger", argparse.Namespace], None]] = {
    "add": _add,
    "rename": _rename,
    "merge": _merge,
    "separate": _separate,
    "remove": _remove,
    "hide": _hide,
    "unhide": _unhide,
}


def _description(options: argparse.Namespace) -> str:
    """What a change does, in words that are also those of its undoing."""
    if options.action == "rename":
        return f"renamed {options.tag} to {options.name}"
    if options.action == "merge":
        return f"merged {options.tag} into {options.into}"
    if options.action == "separate":
        return f"separated {options.tag} from what was merged into it"
    past = {"add": "added", "remove": "removed", "hide": "hid", "unhide": "unhid"}[options.action]
    below = "what is below " if options.action == "hide" and options.below else ""
    return f"{past} {below}{join_names(options.tags)}"


def _tag_line(tag: "KnownTag") -> str:
    notes = [f"{tag.taught} taught"] * bool(tag.taught) + ["hidden"] * tag.is_hidden
    return tag.name + f"  ({', '.join(notes)})" * bool(notes)
