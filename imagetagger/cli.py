"""The console script `imagetagger`: every command but `run`, which it forwards to imagetagger.run."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from imagetagger.options import DEFAULT_PORT
from imagetagger.system.atomic_files import installed_version

HELP = """\
Experiments that end in a tagger which learns its user's own tags.

  imagetagger run +experiment=quickstart        make a bundle: outputs/quickstart/TIME/bundle
  imagetagger verify BUNDLE                     check its files, and that it computes the same here
  imagetagger tag BUNDLE cat.jpg dog.png        print the tags of pictures
  imagetagger serve BUNDLE                      open the app in your browser: it tags, learns, and works offline
  imagetagger webapp BUNDLE FOLDER              write the same app as files for any web host
  imagetagger report DIR...                     compare many runs: one page, tables and plots

`imagetagger COMMAND --help` explains a command. In Python: `from imagetagger import Tagger`, which also learns."""

TAG_HELP = """\
Print the tags of pictures, the most probable first.

  imagetagger tag bundle cat.jpg
  imagetagger tag bundle.zip --top-k 3 --json *.jpg
  imagetagger tag bundle --coverage 0.95 cat.jpg
  imagetagger tag bundle --lessons mine.zip cat.jpg      with a file that Tagger.save or the app wrote

Without --top-k, each picture gets its tag set: enough tags to contain the right one as often as the bundle guarantees.
A picture that no tag fits well is marked as unknown.
A picture that cannot be read is reported and skipped; the exit code is then 1."""

VERIFY_HELP = """\
Check a bundle, a folder or a .zip: its files against the manifest, the manifest against its schema and digest, the
model against its golden vectors.

The exit code is 0 if the bundle is sound; otherwise it is 1, and the first fault is printed. Digests detect damage and
changes, but do not prove who made a bundle: take bundles from people you trust."""

SERVE_HELP = """\
Serve the app with a bundle and open it in the browser. The app tags pictures and learns your own tags; pictures stay
in the browser, and this server accepts no uploads.

  imagetagger serve bundle
  imagetagger serve bundle --host 0.0.0.0 --certfile home.pem --keyfile home-key.pem     for phones in your network

A browser keeps lessons separately for each address, so the port is the same every time. Under another host or port the
app starts without lessons (its page "More" exports them from one address and imports them at another).
The bundle is read once, at the start: restart the server after a change. Ctrl-C ends it, with exit code 0."""

WEBAPP_HELP = """\
Write the app with a bundle as a folder of plain files that any web host can serve. The host needs HTTPS, so that phones
can install the app and use it offline, and runs no program.

  imagetagger webapp bundle site

An older site of this command is replaced; a folder with any other file is left alone, and the exit code is 1."""

REPORT_HELP = """\
Compare the results of one or many runs: one page (report.html), tables (CSV) and plots/.

  imagetagger report outputs/sweep             all runs below it; the report goes into that folder
  imagetagger report outputs/a outputs/b       runs side by side; the report goes into ./report

The page is self-contained: it opens offline, and prints. The exit code is 1 if there is no result to use."""


_Command = Callable[[argparse.Namespace], int | str]
"""A command returns its exit code, or the message that it fails with."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["run"]:
        from imagetagger import run

        sys.argv = ["imagetagger run", *arguments[1:]]  # Hydra reads the command line by itself
        run.main()
        return
    options = _parser().parse_args(arguments)
    sys.exit(_exit_code(options.command, options))


def default_folder(folders: Sequence[Path]) -> Path:
    """Where a report goes without --out: into the only folder, unless that is the folder of a run."""
    if len(folders) == 1 and folders[0].is_dir() and not (folders[0] / "result.json").exists():
        return folders[0]
    return Path("report")


def _exit_code(command: _Command, options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.manifest import BundleError

    try:
        code = command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    except BundleError as error:
        code = f"{options.bundle} cannot be used as a bundle: {error}"
    except OSError as error:
        code = str(error)
    return code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("imagetagger", description=HELP, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"imagetagger {installed_version('imagetagger')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: _Command, summary: str, description: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=summary, description=description, formatter_class=raw)
        subparser.set_defaults(command=command)
        if name != "report":
            subparser.add_argument("bundle", type=Path, help="folder or .zip")
        return subparser

    commands.add_parser("run", help="run an experiment (--help: its settings)")
    add("verify", _verify, "check a bundle", VERIFY_HELP)

    tag = add("tag", _tag, "tag pictures", TAG_HELP)
    tag.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture files")
    tag.add_argument("--lessons", type=Path, metavar="FILE", help="what a user taught: a file of Tagger.save")
    number = tag.add_mutually_exclusive_group()
    number.add_argument("--top-k", type=_positive, metavar="K", help="number of tags (default: the tag set)")
    number.add_argument("--coverage", type=_share, metavar="P", help="how often a tag set is to contain the right tag")
    tag.add_argument("--json", action="store_true", help="print one JSON object per picture")

    serve = add("serve", _serve, "serve the app", SERVE_HELP)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    port_help = f"default: {DEFAULT_PORT}; under another port the app starts without lessons"
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help=port_help)
    serve.add_argument("--certfile", type=Path, metavar="PEM", help="certificate for HTTPS")
    serve.add_argument("--keyfile", type=Path, metavar="PEM", help="its key, if --certfile does not contain it")
    serve.add_argument("--no-browser", action="store_true", help="do not open the browser")

    webapp = add("webapp", _webapp, "write the app", WEBAPP_HELP)
    webapp.add_argument("out", type=Path, metavar="FOLDER", help="a new folder, or an older site")

    report = add("report", _report, "compare many runs", REPORT_HELP)
    report.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folder of a run, or of many at any depth")
    report.add_argument("--out", type=Path, metavar="FOLDER", help="where the report goes")
    return parser


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


def _verify(options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.manifest import BundleError
    from imagetagger.bundle.verify import verify_bundle

    try:
        lines = verify_bundle(options.bundle)
    except (BundleError, OSError) as error:
        return f"{options.bundle}: NOT a sound bundle.\n{error}"
    print("\n".join([*lines, f"{options.bundle}: sound."]))
    return 0


def _tag(options: argparse.Namespace) -> int | str:
    from imagetagger.preprocess import BadImageError
    from imagetagger.tagger.lessons import LessonError
    from imagetagger.tagger.tagger import Tagger

    try:
        tagger = Tagger.load(options.bundle, options.lessons)
    except LessonError as error:
        return str(error)
    if options.coverage is not None and tagger.target_coverage is None:
        return f"{options.bundle}: its tag sets guarantee no coverage: leave --coverage out"
    code = 0
    for image in options.images:
        try:
            description = tagger.describe(image, options.top_k, options.coverage)
        except (BadImageError, OSError) as error:
            print(f"{image}: {error}", file=sys.stderr)
            code = 1
            continue
        tags = [tag._asdict() for tag in description.tags]
        if options.json:
            print(json.dumps({"image": str(image), **description._asdict(), "tags": tags}))
        else:
            line = f"{image}: " + ", ".join(f"{tag.name} {100 * tag.probability:.0f} %" for tag in description.tags)
            line += "  (unknown: nothing fits well)" * description.is_novel
            encoding = sys.stdout.encoding or "utf-8"  # may lack letters of a tag, or bytes of a file's name
            print(line.encode(encoding, "backslashreplace").decode(encoding))
    return code


def _serve(options: argparse.Namespace) -> int | str:
    import threading
    import webbrowser

    from imagetagger.bundle.reader import read_bundle
    from imagetagger.web.server import ServeError, Server, greeting, run_server, tls_context
    from imagetagger.web.site import SiteError, build_site

    if options.keyfile and not options.certfile:
        return "got --keyfile without --certfile: name the certificate too"
    try:
        files = build_site(read_bundle(options.bundle))
        tls = tls_context(options.certfile, options.keyfile) if options.certfile else None
        server = Server(options.host, options.port, files, tls)
    except (ServeError, SiteError) as error:
        return str(error)
    print(greeting(server), flush=True)
    if not options.no_browser:
        threading.Thread(target=webbrowser.open, args=server.addresses[:1], daemon=True).start()
    run_server(server)
    return 0


def _webapp(options: argparse.Namespace) -> int | str:
    from imagetagger.bundle.reader import read_bundle
    from imagetagger.web.site import SiteError, write_site

    if options.out.resolve().is_relative_to(options.bundle.resolve()):
        return f"got {options.out}, which is inside the bundle: name a folder outside"
    try:
        files = write_site(read_bundle(options.bundle), options.out)
    except SiteError as error:
        return str(error)
    size = sum(map(len, files.values())) / 1e6
    print(f"{options.out}: the app with the bundle, {len(files)} files, {size:.1f} MB.")
    print("Any web host with HTTPS can serve it, in a sub-folder too. `_headers` is for hosts that read it.")
    return 0


def _report(options: argparse.Namespace) -> int | str:
    from imagetagger.report.comparison.page import PAGE, write_comparison
    from imagetagger.report.comparison.runs import read_runs
    from imagetagger.report.formatting import count

    out = options.out or default_folder(options.folders)
    try:
        runs = read_runs(options.folders)
        write_comparison(runs, out)
    except ValueError as error:
        return str(error)
    for damaged in runs.damaged:
        print(f"{damaged.path}: skipped: {damaged.reason}", file=sys.stderr)
    counts = f"{count(len(runs.runs), 'run')}, {len(runs.failed)} failed, {len(runs.damaged)} skipped"
    repeated = f", {len(runs.repeated)} duplicates" if runs.repeated else ""
    print(f"{counts}{repeated}. Report in {out / PAGE}")
    return 0
