import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from imagetagger.bundle.archive import write_zip
from imagetagger.web import site
from imagetagger.web.site import (
    APP_FOLDER,
    BUNDLE_FILES,
    CSP,
    HEADERS,
    PLACEHOLDER,
    SITE_FILES,
    SiteError,
    build_site,
    write_site,
)
from tests.helpers.built_app import FILES, WORKER, built_app
from tests.helpers.taught import bundle

APP = Path(site.__file__).parent / "app"


@pytest.fixture
def app(tmp_path):
    return built_app(tmp_path / "dist")


def precached(files: dict[str, bytes]) -> list[dict]:
    return json.loads(re.fullmatch("const list=(.*);", files["sw.js"].decode())[1])


def in_folder(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_is_the_app_and_the_files_of_the_bundle_that_it_reads(app):
    files = build_site(bundle(), app)
    assert {name for name in files if not name.startswith("bundle/")} == set(FILES)
    assert all(files[name] == FILES[name] for name in set(FILES) - {"sw.js"})
    bundled = {name.removeprefix("bundle/") for name in files if name.startswith("bundle/")}
    assert bundled == set(BUNDLE_FILES) & set(bundle().files) >= {"manifest.json", "model.tflite"}
    assert all(files[f"bundle/{name}"] == bundle().files[name] for name in bundled)


def test_an_app_that_is_packed_as_in_wheels_gives_the_same_site(app, tmp_path):
    write_zip(FILES, tmp_path / "packed" / "dist.zip")
    assert build_site(bundle(), tmp_path / "packed" / "dist") == build_site(bundle(), app)
    (tmp_path / "packed" / "dist.zip").write_bytes(b"cut")
    with pytest.raises(SiteError, match="is not a built app"):
        build_site(bundle(), tmp_path / "packed" / "dist")


def test_the_worker_caches_every_file_but_itself(app):
    files = build_site(bundle(), app)
    assert [entry["url"] for entry in precached(files)] == sorted(set(files) - {"sw.js"})


def test_the_worker_refuses_bytes_that_are_not_the_sites(app):
    files = build_site(bundle(), app)
    for entry in precached(files):
        digest = hashlib.sha256(files[entry["url"]])
        assert entry["integrity"] == "sha256-" + base64.b64encode(digest.digest()).decode()
        assert entry["revision"] == (None if entry["url"].startswith("assets/") else digest.hexdigest())


def test_a_change_of_one_file_changes_its_entry_only(app):
    before = precached(build_site(bundle(), app))
    (app / "icon-192.png").write_bytes(b"\x89PNG2")
    after = precached(build_site(bundle(), app))
    assert [new["url"] for old, new in zip(before, after, strict=True) if old != new] == ["icon-192.png"]


@pytest.mark.parametrize("worker", [b"", WORKER * 2])
def test_a_worker_without_one_place_for_the_list_is_refused(app, worker):
    (app / "sw.js").write_bytes(worker)
    with pytest.raises(SiteError, match=f"{PLACEHOLDER} {len(worker) // len(WORKER)} times, expected once"):
        build_site(bundle(), app)


def test_a_checkout_without_a_built_app_says_how_to_build_it(tmp_path):
    with pytest.raises(
        SiteError, match=r"no built app in .*: run `make webapp` \(needs Node 20\.19 or newer\); wheels"
    ):
        build_site(bundle(), tmp_path)


def test_a_written_site_contains_its_files_headers_and_sums(app, tmp_path):
    written = write_site(bundle(), tmp_path / "deep" / "site", app)
    assert in_folder(tmp_path / "deep" / "site") == written
    assert set(written) == {*build_site(bundle(), app), "_headers", "SHA256SUMS"}
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=tmp_path / "deep" / "site", check=True)
    rules = written["_headers"].decode()
    assert rules.startswith("/*\n  ")
    assert all(f"  {name}: {value}\n" in rules for name, value in HEADERS.items())
    assert rules.endswith("/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n")


def test_an_older_site_is_replaced(app, tmp_path):
    write_site(bundle(), tmp_path / "site", app)
    (app / "assets" / "index-D4f.css").rename(app / "assets" / "index-E5g.css")
    assert in_folder(tmp_path / "site") != write_site(bundle(), tmp_path / "site", app) == in_folder(tmp_path / "site")


def test_an_empty_folder_is_filled(app, tmp_path):
    (tmp_path / "site").mkdir()
    assert write_site(bundle(), tmp_path / "site", app) == in_folder(tmp_path / "site")


@pytest.mark.parametrize("stranger", ["CNAME", ".git/HEAD", "bundle/mine.txt", "assets/link"])
def test_a_site_with_anything_else_in_it_is_left_alone(app, tmp_path, stranger):
    out = tmp_path / "site"
    write_site(bundle(), out, app)
    (out / stranger).parent.mkdir(exist_ok=True)
    (out / stranger).symlink_to(app) if stranger.endswith("link") else (out / stranger).write_text("mine")
    before = in_folder(out)
    with pytest.raises(SiteError, match=f"contains {re.escape(stranger)}, not only an older site"):
        write_site(bundle(), out, app)
    assert in_folder(out) == before


def test_a_folder_of_something_else_is_left_alone(app, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "index.html").write_text("mine")
    with pytest.raises(SiteError, match=r"contains index\.html, not only an older site"):
        write_site(bundle(), tmp_path / "photos", app)
    with pytest.raises(SiteError, match="which is a file"):
        write_site(bundle(), tmp_path / "photos" / "index.html", app)
    assert in_folder(tmp_path / "photos") == {"index.html": b"mine"}


def list_all(folder: Path) -> None:
    """Write SHA256SUMS of all files of a folder."""
    files = in_folder(folder)
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items() if name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize("names", [[], ["debian.iso"], ["index.html", "sw.js"]], ids=", ".join)
def test_a_folder_of_something_else_with_sums_of_its_own_is_left_alone(app, tmp_path, names):
    out = tmp_path / "mirror"
    out.mkdir()
    for name in names:
        (out / name).write_text("mine")
    list_all(out)
    before = in_folder(out)
    with pytest.raises(
        SiteError, match=r"is not a site of imagetagger, or was changed: .*bundle/manifest\.json missing"
    ):
        write_site(bundle(), out, app)
    assert in_folder(out) == before


@pytest.mark.parametrize("name", SITE_FILES)
@pytest.mark.parametrize("change", ["edited", "deleted", "unlisted"])
def test_a_site_that_was_changed_is_left_alone(app, tmp_path, name, change):
    out = tmp_path / "site"
    write_site(bundle(), out, app)
    if change == "edited":
        (out / name).write_text("mine")
    else:
        (out / name).unlink()
    if change == "unlisted":
        list_all(out)
    before = in_folder(out)
    with pytest.raises(SiteError, match=f"was changed: {re.escape(name)} missing"):
        write_site(bundle(), out, app)
    assert in_folder(out) == before


def test_nothing_is_written_without_an_app(tmp_path):
    with pytest.raises(SiteError):
        write_site(bundle(), tmp_path / "site", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", [APP / "index.html", APP / "dist" / "index.html"], ids=["source", "built"])
def test_the_page_itself_has_the_policy_for_hosts_without_headers(page):
    if not page.exists():
        pytest.skip(f"{page} is missing: run `make webapp`")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page.read_text())
    assert " ".join(policy.split()).rstrip("; ") == CSP


def test_the_real_app_makes_a_site():
    if not (APP_FOLDER / "index.html").exists():
        pytest.skip("there is no built app: run `make webapp`")
    files = build_site(bundle())
    assert {"index.html", "sw.js", "licenses.txt", "manifest.webmanifest", "bundle/model.tflite"} <= set(files)
    assert {"litert/litert_wasm_internal.wasm", "litert/litert_wasm_compat_internal.wasm"} <= set(files)
    assert PLACEHOLDER.encode() not in files["sw.js"]
