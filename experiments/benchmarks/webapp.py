"""Time the web app in Chromium: how soon it tags, how fast, in how much memory, and whether the page stays responsive.

python experiments/benchmarks/webapp.py BUNDLE PICTURES [--count 1000]

PICTURES is a folder of them, or the .zip of Tiny ImageNet. Needs `make webapp`, and Chromium.
"""

import argparse
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from app import browsed, choose, free_port, served, start  # the app as its tests have it
from playwright.sync_api import Page, sync_playwright

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
"""The longest task from when the page is told of the files; what the browser does before is its own."""

SETTLE = 10_000
"""Milliseconds in which a browser is done with an opening."""


def main() -> None:
    """Print the figures as a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = gather(arguments.pictures, arguments.count, Path(folder))
        profile = Path(folder) / "profile"
        with served(arguments.bundle, free_port()) as address, browsed(playwright, profile) as context:
            context.add_init_script(WATCH)
            page = start(context, address)
            page.wait_for_timeout(SETTLE)
            empty = renderers()
            seconds, memory = add(page, files)
            longest = page.evaluate("() => longest()")
            page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        openings, anew = zip(*(opening(playwright, profile, address) for _ in range(3)), strict=True)  # no server
        first = [first_tags(playwright, Path(folder) / f"first{i}", files[:1], arguments.bundle) for i in range(2)]
    quarter = len(memory) // 4
    rows = {
        "pictures": f"{len(files):,}",
        "pictures a second": f"{len(files) / seconds:.1f}",
        "memory of the page and its worker without a picture": f"{empty:.0f} MB",
        "after a quarter of them": f"{memory[quarter]:.0f} MB",
        "at the end": f"{memory[-1]:.0f} MB",
        "at most": f"{max(memory):.0f} MB",
        "with all of them, in a new browser": f"{sorted(anew)[1]:.0f} MB",
        "longest task of the page": f"{longest:.0f} ms",
        "from a new browser to the pictures of the last time, server gone": f"{sorted(openings)[1]:.2f} s",
        "from opening the page to the tags of a first picture, warm cache": f"{min(first):.2f} s",
    }
    print("| | |\n|---|---:|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


def gather(source: Path, count: int, folder: Path) -> list[Path]:
    """Return paths of the first pictures of a folder, or of Tiny ImageNet's zip."""
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
    """Return the resident memory of the largest renderer, in MB, from Linux's /proc."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                sizes.append(int((process / "statm").read_text().split()[1]) * 4096 / 1e6)
        except OSError:  # it ended meanwhile
            continue
    return max(sizes)


def opening(playwright: object, profile: Path, address: str) -> tuple[float, float]:
    """Return the seconds from a new browser's request to the grid, and the memory in MB once all is judged again."""
    with browsed(playwright, profile) as context:
        page = context.new_page()
        begin = time.perf_counter()
        page.goto(address)
        page.get_by_role("list", name="Pictures").locator("img").first.wait_for()
        seconds = time.perf_counter() - begin
        page.wait_for_timeout(SETTLE)
        return seconds, renderers()


def first_tags(playwright: object, profile: Path, files: list[Path], bundle: Path) -> float:
    """Return the seconds from opening the page, which was opened before, to the tags of a picture."""
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
