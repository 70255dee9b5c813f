"""The app with a bundle as the files of a static site, for `imagetagger serve` and for any web host."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from imagetagger.bundle.archive import ArchiveError, read_files, write_folder
from imagetagger.bundle.reader import MAX_BUNDLE_BYTES, Bundle
from imagetagger.system.printable import first_names

APP_FOLDER = Path(__file__).parent / "app" / "dist"
"""The built app: in a checkout after `make webapp`; a wheel has it packed, as dist.zip."""

BUNDLE_FILES = ("manifest.json", "model.tflite", "statistics.safetensors", "labels.json", "terms.json", "MODEL_CARD.md")
"""Files of a bundle that the app or its user reads; some bundles have no terms.json."""

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of index.html: files of the site and WebAssembly; nothing inline or from elsewhere."""

HEADERS = {
    "Content-Security-Policy": f"{CSP}; frame-ancestors 'none'",  # not allowed in a <meta>
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}
"""Headers of every response of a host of the app."""

HASHED_FOLDER = "assets/"
"""The folder of files that are named by their contents, and never change."""

REVIEW_FOLDER = "review/"
"""The folder of the page of `imagetagger archive review`, which is no part of a site."""

CACHE_FOREVER = "public, max-age=31536000, immutable"

PLACEHOLDER = "self.__WB_MANIFEST"
"""In sw.js, the place of the list of files to cache for use offline."""

SUMS_FILE = "SHA256SUMS"
"""Digests of a written site, for `sha256sum --check`; by them a later `write_site` recognises the folder."""

SITE_FILES = ("index.html", "sw.js", "bundle/manifest.json")
"""Files of every written site: a folder is a site if SHA256SUMS lists them with their digests."""


class SiteError(ValueError):
    """A site that cannot be built, or a folder that must not be replaced; the message gives the reason and the fix."""


def build_site(bundle: Bundle, app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Files of the site by relative address: the app, the bundle in bundle/, and sw.js, which caches both.

    Raises:
        SiteError: the app is not built.
    """
    own = {name: data for name, data in read_app(app).items() if not name.startswith(REVIEW_FOLDER)}
    files = {f"bundle/{name}": bundle.files[name] for name in BUNDLE_FILES if name in bundle.files} | own
    worker = files["sw.js"].decode()
    if (count := worker.count(PLACEHOLDER)) != 1:
        raise SiteError(f"{app / 'sw.js'} contains {PLACEHOLDER} {count} times, expected once: run `make webapp` again")
    return files | {"sw.js": worker.replace(PLACEHOLDER, json.dumps(precache(files))).encode()}


def read_app(app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Files of the built app by relative address; raises SiteError if it is not built."""
    packed = app.with_suffix(".zip")
    if not (app / "index.html").is_file() and packed.is_file():
        app = packed
    elif not (app / "index.html").is_file():
        raise SiteError(
            f"this checkout has no built app in {app}: run `make webapp` (needs Node 20.19 or newer); wheels contain it"
        )
    try:
        files = read_files(app, MAX_BUNDLE_BYTES)
    except ArchiveError as error:
        raise SiteError(f"{app} is not a built app: {error}") from error
    if "sw.js" not in files:
        raise SiteError(f"{app} has no sw.js: run `make webapp` again")
    return files


def precache(files: Mapping[str, bytes]) -> list[dict[str, str | None]]:
    """Files that a browser caches for use offline: address, revision and integrity of each.

    A file is fetched again when its address or revision is new, and refused when its bytes differ. Names in assets/
    change with their contents and need no revision.

    >>> precache({"index.html": b"", "sw.js": b"", "licenses.txt": b""})[0]["integrity"]
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    entries: list[dict[str, str | None]] = []
    for name in sorted(set(files) - {"sw.js"}):
        digest = hashlib.sha256(files[name])
        revision = None if name.startswith(HASHED_FOLDER) else digest.hexdigest()
        integrity = f"sha256-{base64.b64encode(digest.digest()).decode()}"
        entries.append({"url": name, "revision": revision, "integrity": integrity})
    return entries


def cache_control(name: str) -> str:
    """Cache-Control of a file of the site: how long a browser may use it without asking."""
    return CACHE_FOREVER if name.startswith(HASHED_FOLDER) else "no-cache"


def write_site(bundle: Bundle, out: Path, app: Path = APP_FOLDER) -> dict[str, bytes]:
    """Write the site as a folder, completely or not at all, and return its files.

    It contains the files of `build_site`, `_headers`, which some hosts read, and SHA256SUMS. An older site is replaced.

    Raises:
        SiteError: the app is not built; or `out` contains anything but an unchanged site.
        OSError: the folder cannot be written.
    """
    out = out.resolve()
    if out.exists():
        _check_site(out)
    files = {**build_site(bundle, app), "_headers": headers_file().encode()}
    files[SUMS_FILE] = "".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ).encode()
    write_folder(files, out)
    return files


def headers_file() -> str:
    """HEADERS and `cache_control` as the file `_headers` of Netlify and Cloudflare Pages."""
    rules = {"/*": HEADERS, f"/{HASHED_FOLDER}*": {"Cache-Control": CACHE_FOREVER}}
    lines = [[path, *(f"  {key}: {value}" for key, value in headers.items())] for path, headers in rules.items()]
    return "".join(f"{line}\n" for rule in lines for line in rule)


def _check_site(out: Path) -> None:
    if not out.is_dir():
        raise SiteError(f"got {out}, which is a file: expected a new folder, or one with an older site")
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_symlink() or not path.is_dir()}
    lines = (out / SUMS_FILE).read_text(errors="replace").splitlines() if SUMS_FILE in there else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if strangers := sorted(there - {SUMS_FILE} - set(sums)):
        raise SiteError(
            f"{out} contains {first_names(strangers)}, not only an older site: empty it, or choose another folder"
        )
    if there and (wrong := [name for name in SITE_FILES if name not in sums or _digest(out / name) != sums[name]]):
        raise SiteError(
            f"{out} is not a site of imagetagger, or was changed: {first_names(wrong)} missing, or not as listed in "
            f"{SUMS_FILE}: empty it, or choose another folder"
        )


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
