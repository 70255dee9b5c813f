"""The console script `imagetagger`: every command but `run`, which it forwards to imagetagger.run.

Commands import what they need when they run, so that `--help` and mistakes answer at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from imagetagger.cli.parser import build_parser
from imagetagger.cli.terminal import CommandError
from imagetagger.system.extras import experiments_needed
from imagetagger.system.printable import printable_text


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["run"]:
        with experiments_needed():
            from imagetagger import run

        sys.argv = ["imagetagger run", *arguments[1:]]  # Hydra reads the command line by itself
        run.main()
        return
    parser = build_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        sys.exit(2)
    options = parser.parse_args(arguments)
    code = _exit_code(options)
    sys.exit(printable_text(code) if isinstance(code, str) else code)  # messages quote files


def _exit_code(options: argparse.Namespace) -> int | str:
    """Run a command; its exit code, or the message that it fails with."""
    module, function = options.command
    command: Callable[[argparse.Namespace], int | str] = getattr(importlib.import_module(module), function)
    try:
        code = command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        message = _explanation(error, options)
        if message is None:
            raise
        code = message
    return code


def _explanation(error: Exception, options: argparse.Namespace) -> str | None:
    """The message of an error that a user can mend; None for any other."""
    from imagetagger.bundle.strict_json import BundleError
    from imagetagger.prediction.predict import PredictionError
    from imagetagger.tagger.lessons import LessonError

    if isinstance(error, BundleError):
        return f"{options.bundle or 'the everyday bundle'} cannot be used as a bundle: {error}"
    return str(error) if isinstance(error, OSError | LessonError | PredictionError | CommandError) else None
