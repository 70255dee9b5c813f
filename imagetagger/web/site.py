"""The web app with a bundle, as the files of a static site: for `imagetagger serve` and for any web host."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from imagetagger.bundle.archive import ArchiveError, read_files, write_folder
from imagetagger.bundle.reader import MAX_BUNDLE_BYTES, Bundle, abbreviate

APP_FOLDER = Path(__file__).parent / "webapp" / "dist"
"""The built app: in every wheel; in a checkout after `make webapp`."""

SHIPPED = ("manifest.json", "model.tflite", "statistics.safetensors", "labels.json", "MODEL_CARD.md")
"""What the app, or its user, reads of a bundle."""

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of index.html: its own files and WebAssembly; nothing inline, nothing from elsewhere."""

HEADERS = {
    "Content-Security-Policy": f"{CSP}; frame-ancestors 'none'",  # which a <meta> cannot say
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}
"""What every answer of a host of the app should say."""

HASHED = "assets/"
"""The folder whose files are named after their contents, and never change."""

FOREVER = "public, max-age=31536000, immutable"

PLACEHOLDER = "self.__WB_MANIFEST"
"""In sw.js, the place of the list of files to keep for use offline."""

SUMS = "SHA256SUMS"
"""Digests of a written site, as `sha256sum --check` reads them: by it a later `write_site` knows the folder."""

MARKS = ("index.html", "sw.js", "bundle/manifest.json")
"""Files of every written site: a folder is one only where SHA256SUMS names these, and they are what it says."""


class SiteError(ValueError):
    """A site that cannot be made, or a folder that it must not replace; the message says why."""


def build_site(bundle: Bundle, app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Return the site's files by relative address: the app, the bundle in bundle/, and sw.js that keeps both offline.

    Raises:
        SiteError: there is no built app.
    """
    files = {f"bundle/{name}": bundle.files[name] for name in SHIPPED if name in bundle.files} | read_app(app)
    worker = files["sw.js"].decode()
    if worker.count(PLACEHOLDER) != 1:
        found = worker.count(PLACEHOLDER)
        raise SiteError(f"{app / 'sw.js'} holds {PLACEHOLDER} {found} times, expected once: run `make webapp` again")
    return files | {"sw.js": worker.replace(PLACEHOLDER, json.dumps(precache(files))).encode()}


def read_app(app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Return the files of the built app by relative address; raises SiteError where there is none."""
    if not (app / "index.html").is_file():
        raise SiteError(
            f"this checkout has no built app in {app}: run `make webapp` (needs Node 20.19 or newer); wheels bring it"
        )
    try:
        files = read_files(app, MAX_BUNDLE_BYTES)
    except ArchiveError as error:
        raise SiteError(f"{app} is no built app: {error}") from error
    if "sw.js" not in files:
        raise SiteError(f"{app} has no sw.js: run `make webapp` again")
    return files


def precache(files: Mapping[str, bytes]) -> list[dict[str, str | None]]:
    """Return what a phone keeps for use offline: for each file its address, revision, and integrity.

    A file is fetched again when its address or revision is new, and refused when its bytes are not these. Names in
    assets/ change with their contents and need no revision.

    >>> precache({"index.html": b"", "sw.js": b"", "licenses.txt": b""})[0]["integrity"]
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    entries: list[dict[str, str | None]] = []
    for name in sorted(set(files) - {"sw.js"}):
        digest = hashlib.sha256(files[name])
        revision = None if name.startswith(HASHED) else digest.hexdigest()
        integrity = f"sha256-{base64.b64encode(digest.digest()).decode()}"
        entries.append({"url": name, "revision": revision, "integrity": integrity})
    return entries


def cache_control(name: str) -> str:
    """Return how long a browser may use a file of the site without asking."""
    return FOREVER if name.startswith(HASHED) else "no-cache"


def write_site(bundle: Bundle, out: Path, app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Write the site as a folder, whole or not at all, and return its files.

    Beside the files of `site` it holds `_headers`, which some hosts read, and SHA256SUMS. An older site is replaced.

    Raises:
        SiteError: there is no built app; or `out` is not empty and no unchanged site of ours.
        OSError: the folder cannot be written.
    """
    out = out.resolve()
    if out.exists():
        _check_ours(out)
    files = {**build_site(bundle, app), "_headers": headers_file().encode()}
    files[SUMS] = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    write_folder(files, out)
    return files


def headers_file() -> str:
    """Return HEADERS and `cache_control` as the file `_headers`, as Netlify and Cloudflare Pages read it."""
    rules = {"/*": HEADERS, f"/{HASHED}*": {"Cache-Control": FOREVER}}
    lines = [[path, *(f"  {key}: {value}" for key, value in said.items())] for path, said in rules.items()]
    return "".join(f"{line}\n" for rule in lines for line in rule)


def _check_ours(out: Path) -> None:
    if not out.is_dir():
        raise SiteError(f"got {out}, which is a file: expected a new folder, or one with an older site")
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_symlink() or not path.is_dir()}
    lines = (out / SUMS).read_text(errors="replace").splitlines() if SUMS in there else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if strangers := sorted(there - {SUMS} - set(sums)):
        raise SiteError(
            f"{out} holds {abbreviate(strangers)}, which no site of ours does: empty it, or name another folder"
        )
    if there and (wrong := [name for name in MARKS if name not in sums or _digest(out / name) != sums[name]]):
        raise SiteError(
            f"{out} is no site of ours, or was changed: {abbreviate(wrong)} missing from it or from its {SUMS}, or not as "
            "listed there: empty it, or name another folder"
        )


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
