"""A program that runs commands of imagetagger and prints what Python did outside: `python audited.py FOLDER LIST`.

FOLDER may be read and written, the folders of Python and of this package may be read. LIST is a JSON file of command
lines; the last line of what is printed is a JSON list of what was not allowed.
"""

import contextlib
import io
import json
import os
import sys
import sysconfig
import threading
import traceback
from pathlib import Path

PROGRAMS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.")
NETWORK = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.")
HARMLESS = (
    "/dev/null",
    "/dev/urandom",
    "/proc/",
    "/sys/",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/apache2/",
    "/etc/httpd/",
)

found: list[str] = []
writable: list[str] = []
readable: list[str] = []
is_on = False
own = threading.local()
"""`busy` while a thread looks at an event, which raises events of its own."""


def _is_allowed(path: object, folders: list[str]) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return True  # a descriptor that is open already
    real = os.path.realpath(os.fsdecode(path))
    return real.startswith(HARMLESS) or any(real == one or real.startswith(f"{one}/") for one in folders)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not is_on or getattr(own, "busy", False):
        return
    own.busy = True
    try:
        if event.startswith((*PROGRAMS, *NETWORK)):
            found.append(f"{event}{arguments}")
        elif event == "open":
            path, mode, flags = arguments
            writes = bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if not _is_allowed(path, writable if writes else readable):
                found.append(f"open{(path, mode)}")
        elif event.startswith(WRITES):
            paths = [value for value in arguments if isinstance(value, str | bytes | os.PathLike)]
            if not all(_is_allowed(path, writable) for path in paths):
                found.append(f"{event}{arguments}")
    finally:
        own.busy = False


def main() -> None:
    global is_on
    from imagetagger.cli import main as run_command
    from imagetagger.tagger.tagger import Tagger

    folder, commands = os.path.realpath(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    writable.append(folder)
    packages = {os.path.realpath(path) for path in (*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix)}
    readable.extend([folder, *packages, str(Path(__file__).resolve().parents[2] / "imagetagger")])
    sys.addaudithook(_audit)
    is_on = True
    for command in commands:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                if command[0] == "misbehave":
                    exec(command[1])  # of the test that the audit sees it
                elif command[0] == "load":
                    Tagger.load(*command[1:])
                else:
                    sys.argv = ["imagetagger", *command]
                    run_command()
            except SystemExit:
                pass
            except ValueError as error:
                print(f"refused: {error}", file=sys.__stdout__)
            except BaseException:
                found.append(f"{command}: {traceback.format_exc()[-2000:]}")
        if "Traceback" in printed.getvalue() or "\x1b" in printed.getvalue() or "NaN" in printed.getvalue():
            found.append(f"{command} printed {printed.getvalue()[-2000:]}")
    is_on = False
    print(json.dumps(found))


if __name__ == "__main__":
    main()
