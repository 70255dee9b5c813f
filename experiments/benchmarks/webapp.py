"""Time the web app in Chromium: what it downloads, how soon it tags, how fast, and whether the page stays responsive.

python -m experiments.benchmarks.webapp BUNDLE PICTURES [--count 1000] [--against DIST]

PICTURES is a folder, or the .zip of Tiny ImageNet. DIST is another built app: photographs of 12 megapixels are added to
both in turn, so that other programs slow both alike. Needs `make webapp`, and Chromium.
"""

import contextlib
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from playwright.sync_api import Error, Page, sync_playwright

from experiments.common.arguments import study_parser
from experiments.common.photographs import camera_noise, enlarge
from experiments.common.tables import Column, markdown_table
from imagetagger.bundle.reader import read_bundle
from imagetagger.web.site import APP_FOLDER, build_site
from tests.helpers.app import browsed, choose, free_port, go, served, start, wait_until_offline
from tests.helpers.recorded import recorded

WATCH = """
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries()))
  .observe({ type: "longtask", buffered: true });
addEventListener("change", () => {
  window.begin = performance.now();
  setTimeout(() => { window.end = performance.now(); });
}, true);
const later = () => tasks.filter((task) => task.startTime > begin).map((task) => task.duration);
window.longest = () => Math.max(end - begin, ...later());
"""
"""The longest task after the page receives the files; what the browser does before is not the page's."""

TIMED = """
addEventListener("change", () => {
  const begin = performance.now();
  window.added = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      const notices = [...document.querySelectorAll("[role=status]")].map((notice) => notice.textContent);
      if (!notices.some((text) => text.includes("1 picture added"))) return;
      observer.disconnect();
      resolve((performance.now() - begin) / 1000);
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true });
  });
}, true);
"""
"""Seconds from when the page receives a file to its notice that the picture was added."""

PHOTOGRAPHS = 9
"""How many photographs of 12 megapixels are added one by one."""

MEGAPIXELS = (4000, 3000)
"""Width and height of these photographs."""

SETTLE = 10_000
"""Milliseconds after which a browser has opened the page completely."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the metrics as a Markdown table."""
    parser = study_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args(arguments)
    apps = [APP_FOLDER, *([options.against] if options.against else [])]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = gather(options.pictures, options.count, Path(folder))
        sizes = download(playwright, options.bundle, Path(folder) / "download")
        large = photograph_seconds(playwright, options.bundle, apps, Path(folder) / "large", files)
        profile = Path(folder) / "profile"
        with served(options.bundle, free_port()) as address, browsed(playwright, profile) as context:
            context.add_init_script(WATCH)
            page = start(context, address)
            page.wait_for_timeout(SETTLE)
            empty = renderers()
            seconds, samples = add(page, files)
            longest = page.evaluate("() => longest()")
            wait_until_offline(page)
        openings, reopened = zip(*(opening(playwright, profile, address) for _ in range(3)), strict=True)  # no server
        first = [first_tags(playwright, Path(folder) / f"first{i}", files[:1], options.bundle) for i in range(2)]
    memory, few = [sample.memory for sample in samples], min(100, len(files))
    rows = {
        "first visit downloads, until it works without a network": f"{sizes[0] / 1e6:.2f} MB",
        "opening it again downloads": f"{sizes[1]:,} bytes",
        "pictures": f"{len(files):,}",
        "pictures a second": f"{len(files) / seconds:.1f}",
        f"the first {few} of them": f"{rate(samples, 0, few):.1f}",
        f"the last {few}": f"{rate(samples, len(files) - few, len(files)):.1f}",
        "a photograph of 12 megapixels": f"{statistics.median(large[0]):.2f} s",
        **against(large),
        "memory of the page and its worker without a picture": f"{empty:.0f} MB",
        "after a quarter of them": f"{memory[len(memory) // 4]:.0f} MB",
        "at the end": f"{memory[-1]:.0f} MB",
        "at most": f"{max(memory):.0f} MB",
        "with all of them, in a new browser": f"{sorted(reopened)[1]:.0f} MB",
        "longest task of the page": f"{longest:.0f} ms",
        "from a new browser to the pictures of the last time, server gone": f"{sorted(openings)[1]:.2f} s",
        "from opening the page to the tags of a first picture, warm cache": f"{min(first):.2f} s",
    }
    columns = (Column("name", " "), Column("value", " "))
    print(markdown_table(({"name": name, "value": value} for name, value in rows.items()), columns))


def download(playwright: Any, bundle: Path, profile: Path) -> tuple[int, int]:
    """Bytes of all bodies that the server sends: until the app works without a network, and when it is opened again."""
    with recorded(build_site(read_bundle(bundle))) as server, browsed(playwright, profile) as context:
        page = start(context, server.address)
        wait_until_offline(page)
        first = sum(size for _, size in server.sent)
        page.reload()
        page.get_by_role("button", name="Choose pictures").first.wait_for()
        page.wait_for_timeout(SETTLE)
        return first, sum(size for _, size in server.sent) - first


def photograph_seconds(
    playwright: Any, bundle: Path, apps: Sequence[Path], profile: Path, files: Sequence[Path]
) -> list[list[float]]:
    """Seconds of adding each of some photographs of 12 megapixels to each app, as the page sees it."""
    sites = [build_site(read_bundle(bundle), app) for app in apps]
    seconds: list[list[float]] = [[] for _ in apps]
    profile.mkdir()
    noise = camera_noise(4, MEGAPIXELS)
    with contextlib.ExitStack() as stack:
        addresses = [stack.enter_context(recorded(site)).address for site in sites]
        context = stack.enter_context(browsed(playwright, profile / "browser"))
        context.add_init_script(TIMED)
        pages = [start(context, address) for address in addresses]
        for i, file in enumerate(files[: PHOTOGRAPHS + 1]):
            photograph = profile / f"photograph{i}.jpg"
            photograph.write_bytes(enlarge(file.read_bytes(), noise, MEGAPIXELS))
            for page, times in zip(pages, seconds, strict=True):
                page.bring_to_front()
                go(page, "Pictures")
                choose(page, [photograph], "1 picture added")
                times.append(page.evaluate("() => added"))
    return [times[1:] for times in seconds]  # the first one starts threads


def against(seconds: Sequence[Sequence[float]]) -> dict[str, str]:
    """The row of the ratio to the other app, if there is one."""
    if len(seconds) == 1:
        return {}
    ratios = [mine / other for mine, other in zip(*seconds, strict=True)]
    text = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return {"of the other app's time": text}


def gather(source: Path, count: int, folder: Path) -> list[Path]:
    """Paths of the first pictures of a folder, or of Tiny ImageNet's zip."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.is_file())[:count]
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".JPEG") and "/val/" in name)[:count]
        for name in names:
            (folder / Path(name).name).write_bytes(archive.read(name))
    return [folder / Path(name).name for name in names]


class Sample(NamedTuple):
    """A moment of an addition: pictures that are done, and the renderer's memory in MB."""

    seconds: float
    done: int
    memory: float


def add(page: Page, files: list[Path]) -> tuple[float, list[Sample]]:
    """Add all files; return the seconds, and samples of each half of one."""
    samples: list[Sample] = []
    begin = time.perf_counter()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").first.click()
    chooser.value.set_files(files)
    work = page.get_by_role("region", name="Looking at pictures")
    work.wait_for()
    while work.is_visible():
        with contextlib.suppress(Error):  # it has just ended
            done = re.search(r"([\d,]+) of", work.inner_text(timeout=500))
            count = int(done[1].replace(",", "")) if done else 0
            samples.append(Sample(time.perf_counter() - begin, count, renderers()))
        page.wait_for_timeout(500)
    seconds = time.perf_counter() - begin
    return seconds, [Sample(0, 0, samples[0].memory), *samples, Sample(seconds, len(files), renderers())]


def rate(samples: Sequence[Sample], first: int, last: int) -> float:
    """Pictures a second from one to another, between samples."""
    done, seconds = [sample.done for sample in samples], [sample.seconds for sample in samples]
    return (last - first) / float(np.diff(np.interp([first, last], done, seconds))[0])


def renderers() -> float:
    """Resident memory of the largest renderer, in MB, from Linux's /proc."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                sizes.append(int((process / "statm").read_text().split()[1]) * 4096 / 1e6)
        except OSError:  # the process has ended
            continue
    return max(sizes)


def opening(playwright: Any, profile: Path, address: str) -> tuple[float, float]:
    """Seconds from a new browser's request to the grid of pictures, and the memory in MB after all are tagged again."""
    with browsed(playwright, profile) as context:
        page = context.new_page()
        begin = time.perf_counter()
        page.goto(address)
        page.get_by_role("list", name="Pictures").locator("img").first.wait_for()
        seconds = time.perf_counter() - begin
        page.wait_for_timeout(SETTLE)
        return seconds, renderers()


def first_tags(playwright: Any, profile: Path, files: list[Path], bundle: Path) -> float:
    """Seconds from opening a page that was opened before to the tags of a picture."""
    with served(bundle, free_port()) as address, browsed(playwright, profile) as context:
        page = start(context, address)
        page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        begin = time.perf_counter()
        page.goto(address)
        choose(page, files, "1 picture added")
        page.get_by_role("region", name="Tags").get_by_role("listitem").first.wait_for()
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
