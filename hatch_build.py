"""Build the web app into wheels and source distributions, unless it is built already."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AppHook(BuildHookInterface):
    """Runs before files are gathered; needs Node only where the app is not built yet, so not from an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the app; not for an editable install, which is a path to this folder."""
        app = Path(self.root) / "imagetagger" / "web" / "app"
        if version == "editable" or (app / "dist" / "index.html").is_file():
            return
        npm = shutil.which("npm")
        if npm is None:
            sys.exit(
                f"the web app is not built in {app / 'dist'}, and npm is missing: install Node 20.19 or newer, "
                "or install imagetagger from a wheel or an sdist, which bring the app"
            )
        for command in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            done = subprocess.run([npm, *command], cwd=app)
            if done.returncode:
                sys.exit(f"`npm {' '.join(command)}` in {app} ended with {done.returncode}: see above")
