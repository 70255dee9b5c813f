import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagetagger.bundle.archive import write_zip
from imagetagger.options import DEFAULT_PORT
from imagetagger.web.site import build_site, write_site
from tests.helpers.built_app import built_app
from tests.helpers.bundles import WHITENED
from tests.helpers.sweeps import leave
from tests.helpers.taught import bundle, folder, names, started, tagger

PROGRAM = (sys.executable, "-c", "from imagetagger.cli import main; main()")


def program(*arguments, **options) -> subprocess.CompletedProcess[str]:
    """Run the console script in a new process."""
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, **options)


def test_tag_prints_a_line_a_picture_the_most_probable_tag_first(call, pictures):
    code, out, err = call("tag", folder(), pictures["blue"], pictures["crimson"])
    assert (code, err) == (0, "")
    blue, crimson = out.splitlines()
    assert blue == f"{pictures['blue']}: blue 100 %"
    assert crimson.startswith(f"{pictures['crimson']}: crimson ")


def test_tag_with_top_k_prints_so_many(call, pictures):
    _, out, _ = call("tag", folder(), "--top-k", 3, pictures["blue"])
    assert out.count(" %") == 3
    assert out.startswith(f"{pictures['blue']}: blue ")


def test_json_is_one_object_per_picture_with_the_whole_description(call, pictures):
    code, out, _ = call("tag", folder(), "--json", "--top-k", "2", pictures["blue"], pictures["crimson"])
    assert code == 0
    for line, path in zip(out.splitlines(), (pictures["blue"], pictures["crimson"]), strict=True):
        described = tagger().describe(path, top_k=2)
        tags, terms = ([word._asdict() for word in words] for words in (described.tags, described.terms))
        expected = {"image": str(path), "tags": tags, "terms": terms, "novelty_score": None, "is_novel": False}
        assert json.loads(line) == expected


def test_json_has_the_novelty_score(call, pictures):
    code, out, _ = call("tag", folder(*WHITENED), "--json", pictures["blue"], pictures["lemon"])
    assert code == 0
    for line, name, is_novel in zip(out.splitlines(), ("blue", "lemon"), (False, True), strict=True):
        description = tagger(*WHITENED).describe(pictures[name])
        printed = json.loads(line)
        assert (printed["novelty_score"], printed["is_novel"]) == (description.novelty_score, is_novel)
        assert printed["tags"] == [tag._asdict() for tag in description.tags]


def test_an_unknown_picture_is_marked(call, pictures):
    _, out, _ = call("tag", folder(*WHITENED), pictures["blue"], pictures["lemon"])
    blue, lemon = out.splitlines()
    assert blue == f"{pictures['blue']}: blue 100 %"
    assert lemon.endswith(" %  (unknown: nothing fits well)")


def test_a_higher_coverage_prints_more_tags(call, pictures):
    for coverage, count in (("0.5", 1), ("0.999", 4)):
        code, out, _ = call("tag", folder(*WHITENED), "--coverage", coverage, pictures["crimson"])
        assert code == 0
        assert out.count(" %") == count


def test_a_coverage_is_refused_by_a_bundle_that_guarantees_none(call, pictures):
    code, out, err = call("tag", folder(), "--coverage", "0.9", pictures["blue"])
    assert (code, out) == (1, "")
    assert err == f"{folder()}: its tag sets guarantee no coverage: leave --coverage out"


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "90", "90%", "nan", "much"])
def test_an_impossible_coverage_is_refused(call, pictures, share):
    code, out, err = call("tag", folder(*WHITENED), f"--coverage={share}", pictures["blue"])
    assert (code, out) == (2, "")
    assert f"argument --coverage: got {share}, expected a share above 0 and below 1, as in 0.95" in err


def test_tag_knows_what_was_taught_and_reads_a_zip(call, pictures, tmp_path):
    started().save(tmp_path / "mine.zip")
    write_zip(bundle().files, tmp_path / "bundle.zip")
    code, out, _ = call("tag", tmp_path / "bundle.zip", "--lessons", tmp_path / "mine.zip", pictures["lemon"])
    assert code == 0
    assert names(started().tag(pictures["lemon"]))[0] == "lemon"
    assert out.startswith(f"{pictures['lemon']}: lemon ")


def test_a_number_of_tags_and_a_coverage_exclude_each_other(call, pictures):
    code, out, err = call("tag", folder(*WHITENED), "--top-k=3", "--coverage=0.9", pictures["blue"])
    assert (code, out) == (2, "")
    assert "argument --coverage: not allowed with argument --top-k" in err


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_a_top_k_below_one_is_refused(call, pictures, number):
    code, out, err = call("tag", folder(), f"--top-k={number}", pictures["blue"])
    assert (code, out) == (2, "")
    assert f"argument --top-k: got {number}, expected a whole number of at least 1" in err


def test_a_picture_that_cannot_be_used_is_reported_and_the_others_go_on(call, pictures, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    paths = (tmp_path / "bad.png", tmp_path / "gone.png", tmp_path / "empty", pictures["blue"])
    code, out, err = call("tag", folder(), *paths)
    assert code == 1
    assert out == f"{pictures['blue']}: blue 100 %\n"
    empty, bad, gone = err.splitlines()
    assert bad == f"{tmp_path / 'bad.png'}: not a picture"
    assert gone.startswith(f"{tmp_path / 'gone.png'}: ")
    assert empty == f"{tmp_path / 'empty'}: no pictures in this folder"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_any_file_name_can_be_printed(pictures, tmp_path, options):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/cr\xe8me.png"))  # Latin-1, as old archives hold
    odd.write_bytes(pictures["blue"].read_bytes())
    missing = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    command = [*PROGRAM, "tag", str(folder()), *options, missing, odd]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    (line,) = done.stdout.decode().splitlines()
    assert "blue" in line
    assert "me.png" in line
    if options:
        assert json.loads(line)["image"] == str(odd)


@pytest.mark.parametrize("kind", ["gone", "empty", "picture"])
@pytest.mark.parametrize("command", [["verify"], ["tag", "x.jpg", "--bundle"]], ids=lambda command: command[0])
def test_an_unusable_bundle_is_a_message(call, pictures, tmp_path, kind, command):
    (tmp_path / "empty").mkdir()
    path = {"gone": tmp_path / "gone", "empty": tmp_path / "empty", "picture": pictures["blue"]}[kind]
    code, out, err = call(*command, path)
    assert (code, out) == (1, "")
    why = {"gone": "nothing is", "empty": "manifest.json is missing", "picture": "not a .zip file"}[kind]
    assert why in err
    assert str(path) in err


def test_unusable_lessons_are_a_message(call, pictures, tmp_path):
    write_zip({"holiday.txt": b"sun"}, tmp_path / "other.zip")
    for name, why in (("gone.zip", "nothing is"), ("other.zip", "lessons.json is missing")):
        code, out, err = call("tag", folder(), "--lessons", tmp_path / name, pictures["blue"])
        assert (code, out) == (1, "")
        assert why in err
        assert name in err


def test_a_missing_bundle_leaves_no_traceback(pictures, tmp_path):
    done = program("tag", tmp_path / "gone.zip", pictures["blue"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"got {tmp_path / 'gone.zip'}, where nothing is: expected a folder or a .zip file\n"


def test_a_new_process_prints_the_tags_and_nothing_else(call, pictures):
    done = program("tag", folder(), pictures["blue"], pictures["crimson"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == call("tag", folder(), pictures["blue"], pictures["crimson"])[1]


def test_a_reader_who_stops_early_leaves_no_traceback(pictures):
    images = [pictures["blue"]] * 3000
    command = [*PROGRAM, "tag", str(folder()), *map(str, images)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert "blue" in running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""


def test_help_teaches_the_commands_by_example(call):
    code, out, _ = call("--help")
    assert code == 0
    examples = ("run +experiment=", "verify BUNDLE", "tag BUNDLE cat.jpg", "serve", "webapp FOLDER", "report DIR...")
    examples += ("tag cat.jpg", "learn --tag Rex", "forget --tag Rex", "undo", "tags", "track DIR... --to mlflow")
    assert all(f"imagetagger {example}" in out for example in examples)
    for command in ("tag", "learn", "forget", "undo", "tags", "verify", "serve", "webapp", "report", "track"):
        code, out, _ = call(command, "--help")
        assert code == 0
        assert f"usage: imagetagger {command} [-h]" in out
        assert "exit code" in out
    assert "imagetagger tag bundle.zip --top-k 3 --json *.jpg" in call("tag", "--help")[1]
    help_of_serve = call("serve", "--help")[1]
    assert "separately for each address, so the port is the same every time" in help_of_serve
    assert f"default: {DEFAULT_PORT}; " in help_of_serve
    assert DEFAULT_PORT == 8017  # another one would leave behind what users taught


@pytest.mark.parametrize(
    "arguments", [[], ["tga"], ["tag"], ["tag", "x.png", "--best"], ["learn", "x.png"], ["report"]]
)
def test_a_command_line_that_makes_no_sense_is_explained(call, arguments):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: imagetagger")


@pytest.mark.slow
@pytest.mark.parametrize("command", [(*PROGRAM, "run"), (sys.executable, "-m", "imagetagger.run")], ids=["cli", "run"])
def test_help_of_run_is_hydras(command, tmp_path):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "+experiment=quickstart" in done.stdout
    assert "evaluate:\n" in done.stdout


@pytest.mark.slow
def test_run_hands_its_arguments_to_hydra(tmp_path):
    setting = "classifier.variance_prior_strength=7"
    done = program("run", "+experiment=quickstart", setting, "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "variance_prior_strength: 7" in done.stdout


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A built app in the place where the package has its own."""
    made = built_app(tmp_path / "app")
    for function in (build_site, write_site):
        monkeypatch.setattr(function, "__defaults__", (made,))
    return made


def test_webapp_writes_a_site_and_prints_how_to_serve_it(call, app, tmp_path):
    code, out, err = call("webapp", folder(), tmp_path / "site")
    assert (code, err) == (0, "")
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert out.startswith(f"{tmp_path / 'site'}: the app with the bundle, {len(files)} files, ")
    assert "Any web host with HTTPS can serve it" in out


def test_without_a_bundle_the_app_comes_with_the_everyday_one(call, app, everyday_bundle, tmp_path):
    assert call("webapp", tmp_path / "site")[0] == 0
    call("webapp", folder(), tmp_path / "other")
    manifests = {(tmp_path / name / "bundle" / "manifest.json").read_bytes() for name in ("site", "other")}
    assert len(manifests) == 1
    code, out, err = call("serve", "--no-browser", "--port=0", "--host", "192.0.2.7")  # not of this machine
    assert (code, out) == (1, "")
    assert "got the host 192.0.2.7" in err


def test_webapp_leaves_other_folders_alone(call, app, pictures, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    code, out, err = call("webapp", folder(), tmp_path / "mine")
    assert (code, out) == (1, "")
    assert str(tmp_path / "mine") in err
    assert "note.txt" in err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]
    code, out, err = call("webapp", folder(), folder() / "site")
    assert (code, out) == (1, "")
    assert "which is inside the bundle: name a folder outside" in err
    assert not (folder() / "site").exists()


@pytest.mark.parametrize("command", [["serve"], ["webapp", "site"]], ids=lambda command: command[0])
def test_an_app_needs_a_bundle_and_its_own_files(call, pictures, tmp_path, command):
    name, *more = command
    for path, why in ((tmp_path / "gone", "where nothing is"), (pictures["blue"], "cannot be used as a bundle")):
        code, out, err = call(name, path, *(tmp_path / each for each in more))
        assert (code, out) == (1, "")
        assert why in err
        assert str(path) in err
        assert "\n" not in err
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("options", [["--certfile", "gone.pem"], ["--keyfile", "gone.pem"], ["--host", "192.0.2.7"]])
def test_a_server_that_cannot_start_is_a_message(call, app, options):
    code, out, err = call("serve", folder(), "--no-browser", "--port=0", *options)
    assert (code, out) == (1, "")
    assert "got " in err
    assert "\n" not in err


@pytest.mark.parametrize("port", ["-1", "65536", "eight", "\N{SUPERSCRIPT TWO}"])
def test_an_impossible_port_is_refused(call, port):
    code, _, err = call("serve", folder(), f"--port={port}")
    assert code == 2
    assert f"argument --port: got {port}, expected a whole number from 0 (any free port) to 65535" in err


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """A sweep of two runs in the current folder, and a damaged one."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        leave(tmp_path / "sweep" / str(seed), seed=seed)
    (tmp_path / "sweep" / "worse").mkdir()
    (tmp_path / "sweep" / "worse" / "result.json").write_text("{")
    return tmp_path / "sweep"


@pytest.mark.slow
def test_report_prints_what_it_read_and_where_it_wrote(call, runs, tmp_path):
    code, out, err = call("report", runs, "--out", tmp_path / "out")
    assert (code, out) == (0, f"2 runs, 0 failed, 1 skipped. Report in {tmp_path / 'out' / 'report.html'}\n")
    assert f"{runs / 'worse' / 'result.json'}: skipped: " in err
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.slow
def test_a_report_goes_into_the_folder_of_its_runs_and_never_over_that_of_a_single_run(call, runs):
    (runs / "0" / "report.html").write_text("of the run")
    assert f"Report in {runs / 'report.html'}" in call("report", runs)[1]
    assert "Report in report/report.html" in call("report", runs / "0")[1]
    assert "Report in report/report.html" in call("report", runs / "0", runs / "1")[1]
    code, out, err = call("report", runs, "--out", runs / "0")
    assert (code, out) == (1, "")
    assert "choose another with --out" in err
    assert (runs / "0" / "report.html").read_text() == "of the run"


def test_a_report_of_nothing_is_a_message(call, tmp_path):
    code, out, err = call("report", tmp_path / "gone")
    assert (code, out) == (1, "")
    assert str(tmp_path / "gone") in err


def test_without_a_command_all_are_listed(call):
    code, out, err = call()
    assert (code, out) == (2, "")
    assert "archive" in err
    assert "serve" in err


def test_a_file_that_is_missing_is_named_in_plain_words(call, tmp_path):
    code, out, err = call("tag", tmp_path / "gone.jpg")
    assert (code, out) == (1, "")
    assert err == f"{tmp_path / 'gone.jpg'}: no such file or directory\n"
