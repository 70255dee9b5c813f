"""The console script `imagetagger`: run an experiment, verify its bundle, tag pictures with it, serve its app."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from imagetagger.files import installed_version

HELP = """\
Experiments that end in a tagger which learns its user's own tags.

  imagetagger run +experiment=quickstart        make a bundle: outputs/quickstart/TIME/bundle
  imagetagger verify BUNDLE                     is it whole, and does it compute here what it should?
  imagetagger tag BUNDLE cat.jpg dog.png        print the tags of pictures
  imagetagger serve BUNDLE                      the app in your browser: it tags, learns, and works offline
  imagetagger webapp BUNDLE FOLDER              the same app as files for any web host
  imagetagger report DIR...                     one page and one table of many runs, compared

`imagetagger COMMAND --help` says more. In Python: imagetagger.tagger.Tagger, which also learns."""

TAG_HELP = """\
Print the tags of pictures, the most probable first.

  imagetagger tag bundle cat.jpg
  imagetagger tag bundle.zip --top-k 3 --json *.jpg
  imagetagger tag bundle --coverage 0.95 cat.jpg
  imagetagger tag bundle --lessons mine.zip cat.jpg      with what Tagger.save wrote

Without --top-k a picture gets as many tags as it takes to hold the right one as often as the bundle promises. A picture
that shows nothing known is marked so.
A picture that cannot be used is reported and the others go on; the exit code is then 1."""

VERIFY_HELP = """\
Check a bundle, a folder or a .zip: every file against the manifest, the manifest against its schema and its digest,
the model against its golden vectors.

The exit code is 0 where all is right; else 1, and the first thing that is wrong is said. Digests tell damage and
changes, not who made a bundle: take bundles from people you trust."""

SERVE_HELP = """\
Serve the app with a bundle, and open it in the browser. The app tags pictures and learns your own tags; pictures stay
in the browser, and nothing can be sent to this server.

  imagetagger serve bundle
  imagetagger serve bundle --host 0.0.0.0 --certfile home.pem --keyfile home-key.pem     for phones in your network

A browser keeps what you taught for each address apart, so the port is always the same one: under another port or host
the app begins anew (its page "More" exports lessons from one and imports them into the other).
The bundle is read once, at the start: serve it again after a change. Ctrl-C ends it, with exit code 0."""

WEBAPP_HELP = """\
Write the app with a bundle as a folder of plain files, which any web host can serve. It needs HTTPS, so that phones can
install it and use it offline, and no program on the host.

  imagetagger webapp bundle site

An older site of this command is replaced; a folder with anything else in it is left alone, and the exit code is 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:  # Hydra reads the command line by itself
        from imagetagger import run

        sys.argv = ["imagetagger run", *given[1:]]
        run.main()
        return
    if given[:1] == ["report"]:
        from imagetagger.report import __main__ as report

        report.main(given[1:])
        return
    parser = argparse.ArgumentParser("imagetagger", description=HELP, formatter_class=_Raw)
    parser.add_argument("--version", action="version", version=f"imagetagger {installed_version('imagetagger')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="run an experiment (--help: its settings)")
    commands.add_parser("report", help="lay many runs side by side (--help: how)")
    _verify_arguments(commands)
    _tag_arguments(commands.add_parser("tag", help="tag pictures", description=TAG_HELP, formatter_class=_Raw))
    _serve_arguments(commands.add_parser("serve", help="serve the app", description=SERVE_HELP, formatter_class=_Raw))
    _webapp_arguments(commands)
    options = parser.parse_args(given)
    _end({"verify": _verify, "tag": _tag, "serve": _serve, "webapp": _webapp}[options.command], options)


def bundle(arguments: Sequence[str] | None = None) -> None:
    """`python -m imagetagger.bundle verify BUNDLE`."""
    parser = argparse.ArgumentParser("python -m imagetagger.bundle")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _verify_arguments(commands)
    _end(_verify, parser.parse_args(arguments))


def tag(arguments: Sequence[str] | None = None) -> None:
    """`python -m imagetagger.tagger BUNDLE IMAGE...`."""
    parser = argparse.ArgumentParser("python -m imagetagger.tagger", description=TAG_HELP, formatter_class=_Raw)
    _tag_arguments(parser)
    _end(_tag, parser.parse_args(arguments))


def serve(arguments: Sequence[str] | None = None) -> None:
    """`python -m imagetagger.serve BUNDLE`."""
    parser = argparse.ArgumentParser("python -m imagetagger.serve", description=SERVE_HELP, formatter_class=_Raw)
    _serve_arguments(parser)
    _end(_serve, parser.parse_args(arguments))


_Raw = argparse.RawDescriptionHelpFormatter


def _verify_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("verify", help="check a bundle", description=VERIFY_HELP, formatter_class=_Raw)
    parser.add_argument("bundle", type=Path, help="folder or .zip")


def _tag_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="folder or .zip")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture files")
    parser.add_argument("--lessons", type=Path, metavar="FILE", help="what a user taught: a file of Tagger.save")
    number = parser.add_mutually_exclusive_group()
    number.add_argument("--top-k", type=_positive, metavar="K", help="so many tags (default: the tag set)")
    number.add_argument("--coverage", type=_share, metavar="P", help="how often a tag set is to hold the right tag")
    parser.add_argument("--json", action="store_true", help="print one JSON object a picture")


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="folder or .zip")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=_port, default=8017, help="default: 8017; another one begins with no lessons")
    parser.add_argument("--certfile", type=Path, metavar="PEM", help="certificate for HTTPS")
    parser.add_argument("--keyfile", type=Path, metavar="PEM", help="its key, where --certfile does not hold it")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")


def _webapp_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("webapp", help="write the app", description=WEBAPP_HELP, formatter_class=_Raw)
    parser.add_argument("bundle", type=Path, help="folder or .zip")
    parser.add_argument("out", type=Path, metavar="FOLDER", help="a new folder, or an older site")


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


def _end(command: Callable[[argparse.Namespace], int | str], options: argparse.Namespace) -> None:
    try:
        code = command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _verify(options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.manifest import BundleError
    from imagetagger.bundle.verify import verify

    try:
        lines = verify(options.bundle)
    except (BundleError, OSError) as error:
        return f"{options.bundle}: NOT a sound bundle.\n{error}"
    print("\n".join([*lines, f"{options.bundle}: sound."]))
    return 0


def _tag(options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.manifest import BundleError
    from imagetagger.lessons import LessonError
    from imagetagger.preprocess import BadImageError
    from imagetagger.tagger import Tagger

    try:
        tagger = Tagger.load(options.bundle, options.lessons)
    except BundleError as error:
        return f"{options.bundle} cannot be used as a bundle: {error}"
    except (LessonError, OSError) as error:
        return str(error)
    failed = 0
    if options.coverage is not None and not tagger.promises:
        return f"{options.bundle}: its tag sets promise no coverage: leave --coverage out"
    for image in options.images:
        try:
            found = tagger.describe(image, options.top_k, options.coverage)
        except (BadImageError, OSError) as error:
            print(f"{image}: {error}", file=sys.stderr)
            failed = 1
            continue
        if options.json:
            print(json.dumps({"image": str(image), **found._asdict(), "tags": [tag._asdict() for tag in found.tags]}))
        else:
            line = f"{image}: " + ", ".join(f"{tag.name} {100 * tag.probability:.0f} %" for tag in found.tags)
            line += "  (unknown: nothing fits well)" * found.unknown
            encoding = sys.stdout.encoding or "utf-8"  # which may lack letters of a tag, or bytes of a file's name
            print(line.encode(encoding, "backslashreplace").decode(encoding))
    return failed


def _serve(options: argparse.Namespace) -> int | str:
    import threading
    import webbrowser

    from imagetagger.bundle.manifest import BundleError
    from imagetagger.bundle.read import read
    from imagetagger.serve import ServeError, Server, greeting, run, tls_context
    from imagetagger.site import SiteError, site

    if options.keyfile and not options.certfile:
        return "got --keyfile without --certfile: name the certificate too"
    try:
        files = site(read(options.bundle))
        tls = tls_context(options.certfile, options.keyfile) if options.certfile else None
        server = Server(options.host, options.port, files, tls)
    except BundleError as error:
        return f"{options.bundle} cannot be used as a bundle: {error}"
    except (ServeError, SiteError, OSError) as error:
        return str(error)
    print(greeting(server), flush=True)
    if not options.no_browser:
        threading.Thread(target=webbrowser.open, args=server.addresses[:1], daemon=True).start()
    run(server)
    return 0


def _webapp(options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.manifest import BundleError
    from imagetagger.bundle.read import read
    from imagetagger.site import SiteError, write_site

    if options.out.resolve().is_relative_to(options.bundle.resolve()):
        return f"got {options.out}, which lies in the bundle: name a folder outside"
    try:
        files = write_site(read(options.bundle), options.out)
    except BundleError as error:
        return f"{options.bundle} cannot be used as a bundle: {error}"
    except (SiteError, OSError) as error:
        return str(error)
    size = sum(map(len, files.values())) / 1e6
    print(f"{options.out}: the app with the bundle, {len(files)} files, {size:.1f} MB.")
    print("Any web host with HTTPS can serve it, in a sub-folder too. `_headers` is for hosts that read it.")
    return 0
