"""For any input, the app says what is wrong, loses nothing and executes nothing."""

import io
import os
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from imagetagger.tagger.lessons import encode_crop
from tests.helpers.app import (
    add_tag,
    browsed,
    choose,
    draft_tags,
    free_port,
    go,
    import_lessons,
    learn,
    look_at,
    needs_app,
    picture,
    served,
    start,
)
from tests.helpers.taught import folder, pixels

pytestmark = needs_app
SCRIPT = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.ran = 1; document.title = "ran"</script></svg>'
HOSTILE = '<img src=x onerror="window.ran=1">'


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels("red", 5, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A real PNG of one colour: a hundred megapixels in some hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, packed = zlib.compressobj(9), b""
    row = b"\0" + bytes(width)
    for _ in range(height):
        packed += packer.compress(row)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed + packer.flush()) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def address():
    with served(folder(), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def page(playwright, address, tmp_path_factory):
    with browsed(playwright, tmp_path_factory.mktemp("profile")) as context:
        page = start(context, address)
        choose(
            page, [picture(f"{name}.png", encode_crop(pixels(name, 1))) for name in ("red", "blue")], "2 pictures added"
        )
        yield page
        assert page.errors == []
        assert page.evaluate("() => window.ran === undefined && document.title !== 'ran'")


def shown(page) -> str:
    return page.get_by_role("status").filter(has_text="shown").inner_text()


def test_files_that_are_not_pictures_are_refused_one_by_one_and_others_added(page):
    go(page, "Pictures")
    bad = {
        "notes.txt": b"remember the milk",
        "empty.png": b"",
        "cut.jpg": jpeg()[:1500],
        "script.svg": SCRIPT.encode(),
        "huge.png": huge_png(10_001, 10_000),
    }
    files = [picture(name, data) for name, data in bad.items()]
    choose(page, [*files, picture("good.jpg", jpeg(), "image/jpeg")], "1 picture added, 5 not added")
    refused = page.get_by_role("dialog").get_by_role("listitem").all_inner_texts()
    reasons = {line.split("\n")[0]: " ".join(line.split("\n")[1:]) for line in refused}
    assert list(reasons) == list(bad)
    expected = {"notes.txt": "not a picture", "empty.png": "empty", "cut.jpg": "cut short", "script.svg": "svg"}
    for name, words in {**expected, "huge.png": "10,001"}.items():
        assert words in reasons[name].lower()
    page.get_by_role("button", name="OK").click()
    assert shown(page) == "3 pictures shown"


def test_a_picture_of_a_hundred_megapixels_is_tagged(page):
    go(page, "Pictures")
    choose(page, [picture("black.png", huge_png(10_000, 10_000))], "1 picture added")


@pytest.mark.parametrize("name", [HOSTILE, "Grüße", "مكتبة الصور", "写真", "кот", "🐈‍⬛ cat", "=1+1", "a" * 100])
def test_tags_have_names_in_any_script_and_stay_text(page, name):
    look_at(page, "blue.png")
    add_tag(page, name)
    learn(page)
    assert name in draft_tags(page)
    go(page, "Tags")
    assert page.get_by_text(name, exact=True).first.is_visible()


@pytest.mark.parametrize(("name", "why"), [("a" * 10_000, "this one has 10,000"), ("red", "already")])
def test_impossible_names_are_refused_with_their_reason(page, name, why):
    go(page, "Tags")
    page.get_by_role("button", name="New tag").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(name)
    dialog.get_by_role("button", name="Add").click()
    dialog.get_by_role("alert").filter(has_text=why).wait_for()
    assert dialog.get_by_role("textbox").input_value() == name
    page.keyboard.press("Escape")


def test_a_file_that_is_not_lessons_is_refused(page, tmp_path):
    go(page, "More")
    (tmp_path / "lessons.zip").write_bytes(b"PK\x03\x04 and no more")
    before = page.get_by_role("region", name="History").inner_text()
    import_lessons(page, tmp_path / "lessons.zip")
    page.get_by_role("alert").filter(has_text="This file cannot be imported").wait_for()
    assert page.get_by_role("region", name="History").inner_text() == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 120 MB; browsers have no other way to run out of room."""
    tmp_path.joinpath("disk").mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(tmp_path / "disk"))
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    yield tmp_path / "disk"
    subprocess.run(("umount", "--lazy", str(tmp_path / "disk")), check=True)


def test_a_full_device_is_reported_and_loses_nothing(playwright, address, small_disk, tmp_path):
    noise = np.random.default_rng(0)
    files = []
    for i in range(130):
        files.append(tmp_path / f"{i:03}.jpg")
        Image.fromarray(noise.integers(0, 256, (1024, 1024, 3), np.uint8)).save(files[-1], quality=70)
    with browsed(playwright, small_disk / "profile") as context:
        page = start(context, address)
        choose(page, files[:1], "1 picture added")
        add_tag(page, "Noise")
        learn(page)
        go(page, "Pictures")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose pictures").first.click()
        chooser.value.set_files(files)
        dialog = page.get_by_role("dialog")
        dialog.wait_for(timeout=120_000)
        refused = dialog.get_by_role("listitem").all_inner_texts()
        assert 0 < len(refused) < 130
        assert all("no room left" in line for line in refused)
        page.get_by_role("button", name="OK").click()
        assert shown(page) == f"{130 - len(refused)} pictures shown"
        page.reload()
        page.get_by_text(f"{130 - len(refused)} pictures shown").wait_for(state="attached")
        page.get_by_text("Confirmed").first.click()
        page.locator('[aria-label^="000.jpg:"]').click()
        assert "Noise" in draft_tags(page)


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "statistics.safetensors", "labels.json"])
def test_a_bundle_changed_in_transfer_is_refused(playwright, address, tmp_path, name):
    def change(route):
        body = bytearray(route.fetch().body())
        body[len(body) // 2] ^= 1
        route.fulfill(body=bytes(body))

    with browsed(playwright, tmp_path, service_workers="block") as context:
        page = context.new_page()
        page.route(f"**/bundle/{name}", change)
        page.goto(address)
        alert = page.get_by_role("alert").filter(has_text=name)
        alert.wait_for()
        assert "What you taught is safe" in alert.inner_text()
        page.unroute(f"**/bundle/{name}")
        page.get_by_role("button", name="Try again").click()
        page.get_by_role("button", name="Choose pictures").first.wait_for()


def test_a_missing_bundle_is_reported(playwright, address, tmp_path):
    with browsed(playwright, tmp_path, service_workers="block") as context:
        page = context.new_page()
        page.route("**/bundle/manifest.json", lambda route: route.fulfill(status=404))
        page.goto(address)
        alert = page.get_by_role("alert").filter(has_text="(manifest.json): the server answers 404")
        alert.wait_for()
