"""Time the web app in Chromium: how soon it tags, how fast, in how much memory, and whether the page stays responsive.

python -m experiments.benchmarks.webapp BUNDLE PICTURES [--count 1000]

PICTURES is a folder, or the .zip of Tiny ImageNet. Needs `make webapp`, and Chromium.
"""

import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from experiments.common.arguments import study_parser
from experiments.common.tables import Column, markdown_table
from tests.helpers.app import browsed, choose, free_port, served, start

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

SETTLE = 10_000
"""Milliseconds after which a browser has opened the page completely."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the metrics as a Markdown table."""
    parser = study_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = gather(options.pictures, options.count, Path(folder))
        profile = Path(folder) / "profile"
        with served(options.bundle, free_port()) as address, browsed(playwright, profile) as context:
            context.add_init_script(WATCH)
            page = start(context, address)
            page.wait_for_timeout(SETTLE)
            empty = renderers()
            seconds, memory = add(page, files)
            longest = page.evaluate("() => longest()")
            page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        openings, reopened = zip(*(opening(playwright, profile, address) for _ in range(3)), strict=True)  # no server
        first = [first_tags(playwright, Path(folder) / f"first{i}", files[:1], options.bundle) for i in range(2)]
    quarter = len(memory) // 4
    rows = {
        "pictures": f"{len(files):,}",
        "pictures a second": f"{len(files) / seconds:.1f}",
        "memory of the page and its worker without a picture": f"{empty:.0f} MB",
        "after a quarter of them": f"{memory[quarter]:.0f} MB",
        "at the end": f"{memory[-1]:.0f} MB",
        "at most": f"{max(memory):.0f} MB",
        "with all of them, in a new browser": f"{sorted(reopened)[1]:.0f} MB",
        "longest task of the page": f"{longest:.0f} ms",
        "from a new browser to the pictures of the last time, server gone": f"{sorted(openings)[1]:.2f} s",
        "from opening the page to the tags of a first picture, warm cache": f"{min(first):.2f} s",
    }
    columns = (Column("name", " "), Column("value", " "))
    print(markdown_table(({"name": name, "value": value} for name, value in rows.items()), columns))


def gather(source: Path, count: int, folder: Path) -> list[Path]:
    """Paths of the first pictures of a folder, or of Tiny ImageNet's zip."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.is_file())[:count]
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".JPEG") and "/val/" in name)[:count]
        for name in names:
            (folder / Path(name).name).write_bytes(archive.read(name))
    return [folder / Path(name).name for name in names]


def add(page: Page, files: list[Path]) -> tuple[float, list[float]]:
    """Add all files; return the seconds, and the memory of the renderer, in MB, every half second."""
    memory: list[float] = []
    begin = time.perf_counter()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").first.click()
    chooser.value.set_files(files)
    work = page.get_by_role("region", name="Looking at pictures")
    work.wait_for()
    while work.is_visible():
        memory.append(renderers())
        page.wait_for_timeout(500)
    return time.perf_counter() - begin, memory


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
