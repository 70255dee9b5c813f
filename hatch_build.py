"""Build the web app into wheels, packed, and source distributions, unless it is built already."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AppHook(BuildHookInterface):
    """Runs before files are gathered; needs Node only where the app is not built yet, so not from an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the app; not for an editable install, which is a path to this folder."""
        app = Path(self.root) / "imagetagger" / "web" / "app"
        if version == "editable":
            return
        if not (app / "dist" / "index.html").is_file():
            _build(app)
        if self.target_name == "wheel":
            self.packed = tempfile.TemporaryDirectory()
            archive = Path(self.packed.name, "dist.zip")
            _pack(app / "dist", archive)
            build_data["force_include"][str(archive)] = "imagetagger/web/app/dist.zip"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Delete what was made for this build."""
        if hasattr(self, "packed"):
            self.packed.cleanup()


def _build(app: Path) -> None:
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


def _pack(folder: Path, archive: Path) -> None:
    """Write a folder as a .zip: the app's WebAssembly takes a quarter of its size."""
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(file.relative_to(folder).as_posix())  # its time is fixed: equal apps, equal wheels
            member.external_attr = 0o644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, file.read_bytes(), compresslevel=9)
