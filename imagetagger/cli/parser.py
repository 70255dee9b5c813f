"""The command line: its commands, their options and their help."""

import argparse
from pathlib import Path
from typing import Any

from imagetagger.cli import help_texts
from imagetagger.options import DEFAULT_PORT, TRACKERS
from imagetagger.system.atomic_files import installed_version
from imagetagger.system.cache_folder import CACHE_FILES

_RAW = argparse.RawDescriptionHelpFormatter


class _Version(argparse.Action):
    """Prints the version, which takes time to find out, only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(message=f"imagetagger {installed_version('imagetagger')}\n")


class _Parser(argparse.ArgumentParser):
    """A parser that can take options between its paths too, as in `tag bundle --top-k 3 cat.jpg`."""

    mixes_options = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.mixes_options:
            return super().parse_known_args(args, namespace)
        self.mixes_options = False  # the method below calls this one
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.mixes_options = True


def build_parser() -> argparse.ArgumentParser:
    """Make the parser; `command` of what it parses is the module and the function of the command."""
    parser = _Parser("imagetagger", description=help_texts.OVERVIEW, formatter_class=_RAW)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_tag, _add_learn, _add_forget, _add_undo, _add_tags, _add_archive, _add_serve, _add_webapp):
        add(commands)
    commands.add_parser("run", help="run an experiment (--help: its settings)")
    verify = _command(commands, "verify", "checking.run_verify", "check a bundle", help_texts.VERIFY)
    verify.add_argument("bundle", type=Path, help="folder or .zip")
    _add_cache(commands)
    report = _command(commands, "report", "checking.run_report", "compare many runs", help_texts.REPORT)
    report.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folder of a run, or of many at any depth")
    report.add_argument("--out", type=Path, metavar="FOLDER", help="where the report goes")
    _add_track(commands)
    return parser


def _add_track(commands: Any) -> None:
    track = _command(commands, "track", "tracking.run_track", "copy runs into a tracker", help_texts.TRACK)
    track.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folder of a run, or of many at any depth")
    track.add_argument("--to", required=True, choices=TRACKERS, help="the tracker")
    track.add_argument("--location", metavar="WHERE", help="folder, or a server's URI (default: the folder tracking)")
    track.add_argument("--bundle", dest="with_bundle", action="store_true", help="also copy the bundle of each run")


def _command(commands: Any, name: str, function: str, summary: str, description: str) -> _Parser:
    parser: _Parser = commands.add_parser(name, help=summary, description=description, formatter_class=_RAW)
    module, _, runs = function.rpartition(".")
    parser.set_defaults(command=(f"imagetagger.cli.{module}", runs))
    return parser


def _add_shared(parser: argparse.ArgumentParser, **default: Any) -> None:
    """Add the options of all commands that tag or teach."""
    parser.add_argument(
        "--bundle", type=Path, help="folder or .zip of another tagger (default: the everyday one)", **default
    )
    parser.add_argument(
        "--lessons", type=Path, metavar="FILE", help="what a user taught (default: your own lessons)", **default
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line", **default)


def _add_pictures(parser: _Parser) -> None:
    parser.mixes_options = True
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="pictures, or folders of pictures")


def _add_tag(commands: Any) -> None:
    parser = _command(commands, "tag", "tagging.run_tag", "tag pictures", help_texts.TAG)
    parser.usage = "imagetagger tag [-h] [options] [BUNDLE] PATH [PATH ...]"
    _add_pictures(parser)
    _add_shared(parser)
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--top-k", type=_positive, metavar="K", help="number of tags (default: the tag set)")
    number.add_argument("--coverage", type=_share, metavar="P", help="how often a tag set is to contain the right tag")


def _add_learn(commands: Any) -> None:
    parser = _command(commands, "learn", "teaching.run_learn", "teach tags by pictures", help_texts.LEARN)
    _add_pictures(parser)
    parser.add_argument("--tag", action="append", required=True, help="what the pictures show; can be repeated")
    _add_shared(parser)


def _add_forget(commands: Any) -> None:
    parser = _command(commands, "forget", "teaching.run_forget", "forget pictures", help_texts.FORGET)
    _add_pictures(parser)
    parser.add_argument("--tag", action="append", required=True, help="what they are no longer to teach")
    parser.add_argument("--no-undo", action="store_true", help="delete the earlier versions too: leave no trace")
    _add_shared(parser)


def _add_undo(commands: Any) -> None:
    _add_shared(_command(commands, "undo", "teaching.run_undo", "take the last change back", help_texts.UNDO))


def _add_tags(commands: Any) -> None:
    parser = _command(commands, "tags", "tag_list.run_tag_list", "list or change the tags", help_texts.TAGS)
    taught = "only tags that you taught"
    parser.add_argument("--taught", action="store_true", help=taught)
    _add_shared(parser)
    actions = parser.add_subparsers(metavar="ACTION", dest="action")

    def add(name: str, summary: str, function: str = "tag_list.run_tag_change") -> _Parser:
        action = _command(actions, name, function, summary, f"{summary.capitalize()}.")
        _add_shared(action, default=argparse.SUPPRESS)  # what `tags` itself was given stays
        return action

    listing = add("list", "list the tags", "tag_list.run_tag_list")
    listing.add_argument("--taught", action="store_true", default=argparse.SUPPRESS, help=taught)
    for name, summary in (
        ("add", "add tags, to be taught with `imagetagger learn`"),
        ("remove", "remove tags, and the pictures that taught only them"),
        ("hide", "no longer show tags or broader terms, which keep what they know"),
        ("unhide", "show hidden tags again"),
    ):
        action = add(name, summary)
        action.add_argument("tags", nargs="+", metavar="TAG", help="name or id")
        if name == "hide":
            action.add_argument("--below", action="store_true", help="hide what is below a term only: no breeds")
    rename = add("rename", "give a tag another name; what it was taught stays")
    merge = add("merge", "merge a tag into another, which then knows what both were taught")
    separate = add("separate", "take apart what was merged into a tag, by you or by a tagger that knows its name")
    for action in (rename, merge, separate):
        action.add_argument("tag", metavar="TAG", help="name or id")
    for action, second in ((rename, "name"), (merge, "into")):
        action.add_argument(second, metavar=second.upper(), help="new name" if second == "name" else "name or id")


def _add_embedding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exact", action="store_true", help="decode large pictures in full, which is slower")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes that decode (default: by CPUs)")
    engine = "what embeds: processes here, or a Ray cluster, at RAY_ADDRESS or on this machine (default: local)"
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help=engine)


def _add_archive(commands: Any) -> None:
    parser = _command(commands, "archive", "archive.run_status", "tag a photo library in place", help_texts.ARCHIVE)
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")

    def add(name: str, function: str, summary: str, description: str) -> _Parser:
        action = _command(actions, name, function, summary, description)
        needed = "*" if name == "status" else "+"
        action.add_argument("folders", nargs=needed, type=Path, metavar="DIR", help="folders of pictures, at any depth")
        action.add_argument("--state", type=Path, metavar="FILE", help="what is known (default: in your data folder)")
        if name == "status":
            action.add_argument("--json", action="store_true", help="print one JSON object")
        else:
            _add_shared(action)
            _add_embedding(action)
        if name not in ("status", "remove"):
            action.add_argument("--raw", action="store_true", help="also camera raw files, by the previews in them")
        return action

    add("scan", "archive.run_scan", "find and embed pictures", help_texts.ARCHIVE_SCAN)
    learn = add("learn", "archive_tags.run_learn", "learn the tags that people set", help_texts.ARCHIVE_LEARN)
    tag = add("tag", "archive_tags.run_tag", "write tags beside pictures", help_texts.ARCHIVE_TAG)
    review = add("review", "archive_review.run_review", "confirm tags in the browser", help_texts.ARCHIVE_REVIEW)
    remove = add("remove", "archive_tags.run_remove", "remove the tags that `tag` wrote", help_texts.ARCHIVE_REMOVE)
    add("status", "archive.run_status", "show what is known", help_texts.ARCHIVE_STATUS)
    shards = _command(
        actions,
        "learn-shards",
        "archive_shards.run_learn_shards",
        "learn from .tar or .parquet",
        help_texts.ARCHIVE_SHARDS,
    )
    shards.add_argument(
        "shards", nargs="+", type=Path, metavar="SHARD", help=".tar or .parquet files, or folders of them"
    )
    shards.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where embeddings and statistics go")
    shards.add_argument("--state", type=Path, metavar="FILE", help="where the tags go (default: in your data folder)")
    shards.add_argument(
        "--sample", type=_positive, default=20_000, metavar="N", help="pictures to measure on (default: 20000)"
    )
    _add_shared(shards)
    _add_embedding(shards)
    learn.add_argument(
        "--teach", action="store_true", help="also teach the tags to your lessons, which `imagetagger tag` uses"
    )
    for action in (learn, tag, review, shards):
        is_learning = action in (learn, shards)
        default = "0.95" if is_learning else "that of the learned tags, or 0.95"
        action.add_argument(
            "--precision",
            type=_share,
            default=0.95 if is_learning else None,
            metavar="P",
            help=f"share of right tags to promise (default: {default})",
        )
    for action in (tag, remove):
        action.add_argument(
            "--dry-run", action="store_true", help="print how sidecars would change, and change nothing"
        )
    for action in (tag, review, remove):
        action.add_argument(
            "--sidecar", choices=("digikam", "adobe"), default="digikam", help="new ones: photo.jpg.xmp, or photo.xmp"
        )
    tag.add_argument(
        "--under", action="append", default=[], metavar="TAG", help="a broader tag for all that is written"
    )
    for action in (tag, review):
        action.add_argument(
            "--everyday", action="store_true", help="use the tagger's own tags, not those that were learned"
        )
        action.add_argument("--all", action="store_true", help="also pictures that have a learned tag by a person")
    review.add_argument("--port", type=_port, default=0, help="default: any free port")
    review.add_argument("--no-browser", action="store_true", help="do not open the browser")
    review.set_defaults(teach=True)


def _add_serve(commands: Any) -> None:
    parser = _command(commands, "serve", "serving.run_serve", "open the app", help_texts.SERVE)
    parser.add_argument("bundle", nargs="?", type=Path, help="folder or .zip (default: the everyday one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    port_help = f"default: {DEFAULT_PORT}; under another port the app starts without lessons"
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help=port_help)
    name_help = "a name that browsers use for this machine, without a certificate; may be repeated"
    parser.add_argument("--host-name", action="append", default=[], metavar="NAME", help=name_help)
    parser.add_argument("--certfile", type=Path, metavar="PEM", help="certificate for HTTPS")
    parser.add_argument("--keyfile", type=Path, metavar="PEM", help="its key, if --certfile does not contain it")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")


def _add_webapp(commands: Any) -> None:
    parser = _command(commands, "webapp", "serving.run_webapp", "write the app", help_texts.WEBAPP)
    parser.add_argument("bundle", nargs="?", type=Path, help="folder or .zip (default: the everyday one)")
    parser.add_argument("out", type=Path, metavar="FOLDER", help="a new folder, or an older site")


def _add_cache(commands: Any) -> None:
    parser = _command(commands, "cache", "cache.run_cache_info", "show or clear the cache of runs", help_texts.CACHE)
    _add_cache_options(parser)
    actions = parser.add_subparsers(metavar="ACTION", dest="action")
    info = _command(actions, "info", "cache.run_cache_info", "show its size", "Show what the cache holds.")
    clear = _command(actions, "clear", "cache.run_cache_clear", "delete its files", help_texts.CACHE_CLEAR)
    for action in (info, clear):
        _add_cache_options(action, default=argparse.SUPPRESS)
    which = f"{', '.join(CACHE_FILES)} (default: all but trainings and downloads)"
    clear.add_argument("kinds", nargs="*", type=_cache_kind, metavar="KIND", help=which)


def _add_cache_options(parser: argparse.ArgumentParser, **default: Any) -> None:
    where = "the cache directory (default: $IMAGETAGGER_CACHE, or your own)"
    parser.add_argument("--cache", metavar="FOLDER", help=where, **default)
    parser.add_argument("--json", action="store_true", help="print one JSON object", **default)


def _cache_kind(text: str) -> str:
    if text not in CACHE_FILES:
        raise argparse.ArgumentTypeError(f"got {text}, expected one of {', '.join(CACHE_FILES)}")
    return text


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from 0 (any free port) to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a whole number of at least 1")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected a share above 0 and below 1, as in 0.95")
    return share
