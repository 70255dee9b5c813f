"""The page of many runs in a real browser, where there is one: its script runs, nothing complains."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from imagetagger.report.comparison.page import write_comparison
from imagetagger.report.comparison.runs import read_runs
from tests.helpers.pages import Page
from tests.helpers.sweeps import grow

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
ACT = """{
const heads = [...document.querySelectorAll('#runs th[scope=col]')];
const click = (name) => heads.find((head) => head.textContent === name).firstChild.click();
const column = (name) => [...document.querySelectorAll('#runs tbody tr:not([hidden])')]
  .map((row) => row.cells[heads.findIndex((head) => head.textContent === name)].firstChild.textContent);
const out = [];
click('top-1'); out.push(['best first', column('top-1')]);
click('top-1'); out.push(['worst first', column('top-1')]);
click('transform'); out.push(['by name', column('transform')]);
out.push(['sorted', heads.map((head) => head.getAttribute('aria-sort')).filter(Boolean)]);
const filter = document.getElementById('filter');
filter.value = 'gnb-10'; filter.dispatchEvent(new Event('input'));
out.push(['matches', column('folder')], ['shown', [document.getElementById('shown').textContent]]);
out.push(['comparison', [document.getElementById('comparison').textContent]]);
document.title = JSON.stringify(Object.fromEntries(out));
}"""


def browse(page, tmp_path):
    """Return the page's elements and text after its scripts, and what the browser complained about."""
    profile = tmp_path / "profile"
    arguments = (*QUIET, f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--dump-dom", page.as_uri())
    done = subprocess.run([BROWSER, *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = grow(tmp_path_factory.mktemp("sweep"), n=200)
    write_comparison(read_runs([folder]), folder)
    return folder


def test_the_page_opens_from_disk_without_a_complaint_and_its_script_runs(folder, tmp_path):
    dumped, complaints = browse(folder / "report.html", tmp_path)
    assert complaints == []
    assert dumped.count('<button type="button">') == len(re.findall("<th[^>]* title=", dumped))
    assert "the first got" in Page(dumped).all_text()


def test_the_table_sorts_and_filters(folder, tmp_path):
    source = (folder / "report.html").read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', source)[0]
    acted = tmp_path / "acted.html"
    acted.write_text(source.replace(policy, "").replace("</body>", f"<script>{ACT}</script></body>"))
    dumped, complaints = browse(acted, tmp_path)
    assert complaints == []
    results = json.loads(unescape(re.search("<title>(.*?)</title>", dumped)[1]))
    shares = [float(text.split()[0]) for text in results["best first"]]
    assert shares == sorted(shares, reverse=True)
    assert [float(text.split()[0]) for text in results["worst first"]] == sorted(shares)
    assert results["by name"] == ["none"] * 6 + ["whitened"] * 6
    assert results["sorted"] == ["ascending"]
    assert sorted(results["matches"]) == ["gnb-10-0", "gnb-10-1"]
    assert results["shown"] == ["2 of 12"]
