import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from built_app import built_app
from bundles import SIZE, WHITENED
from PIL import Image
from taught import CRIMSON, YELLOW, bundle, folder, names, pixels, started, tagger

from imagetagger import cli, site
from imagetagger.bundle.archive import write_zip


@pytest.fixture
def pictures(tmp_path) -> dict[str, Path]:
    """Picture files by tag."""
    paths = {}
    for name, colour in {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}.items():
        paths[name] = tmp_path / f"{name}.png"
        Image.fromarray(pixels(colour, 5, SIZE)).save(paths[name])
    return paths


@pytest.fixture
def call(capsys):
    """A function that runs the console script and returns its exit code, stdout and stderr."""

    def run(*arguments, command=cli.main) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            command(list(map(str, arguments)))
        out, err = capsys.readouterr()
        code = stopped.value.code
        return (1, out, err + code) if isinstance(code, str) else (code or 0, out, err)

    return run


def python(*arguments, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, **options)


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


def test_json_is_one_object_a_line_with_all_that_the_tagger_says(call, pictures):
    code, out, _ = call("tag", folder(), "--json", "--top-k", "2", pictures["blue"], pictures["crimson"])
    assert code == 0
    for line, path in zip(out.splitlines(), (pictures["blue"], pictures["crimson"]), strict=True):
        expected = [tag._asdict() for tag in tagger().tag(path, top_k=2)]
        assert json.loads(line) == {"image": str(path), "tags": expected, "fit": None, "unknown": False}


def test_json_tells_how_well_the_best_tag_fits(call, pictures):
    code, out, _ = call("tag", folder(*WHITENED), "--json", pictures["blue"], pictures["lemon"])
    assert code == 0
    for line, path, unknown in zip(out.splitlines(), (pictures["blue"], pictures["lemon"]), (False, True), strict=True):
        found = tagger(*WHITENED).describe(path)
        said = json.loads(line)
        assert (said["fit"], said["unknown"]) == (found.fit, unknown)
        assert said["tags"] == [tag._asdict() for tag in found.tags]


def test_a_picture_that_shows_nothing_known_is_marked(call, pictures):
    _, out, _ = call("tag", folder(*WHITENED), pictures["blue"], pictures["lemon"])
    blue, lemon = out.splitlines()
    assert blue == f"{pictures['blue']}: blue 100 %"
    assert lemon.endswith(" %  (unknown: nothing fits well)")


def test_a_higher_coverage_prints_more_tags(call, pictures):
    for coverage, count in (("0.5", 1), ("0.999", 4)):
        code, out, _ = call("tag", folder(*WHITENED), "--coverage", coverage, pictures["crimson"])
        assert code == 0
        assert out.count(" %") == count


def test_a_coverage_is_refused_by_a_bundle_that_promises_none(call, pictures):
    code, out, err = call("tag", folder(), "--coverage", "0.9", pictures["blue"])
    assert (code, out) == (1, "")
    assert err == f"{folder()}: its tag sets promise no coverage: leave --coverage out"


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "90", "90%", "nan", "much"])
def test_a_coverage_that_is_no_share_is_refused(call, pictures, share):
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
    code, out, err = call("tag", folder(), tmp_path / "bad.png", tmp_path / "gone.png", tmp_path, pictures["blue"])
    assert code == 1
    assert out == f"{pictures['blue']}: blue 100 %\n"
    bad, gone, directory = err.splitlines()
    assert bad == f"{tmp_path / 'bad.png'}: not an image in a format that Pillow reads"
    assert gone.startswith(f"{tmp_path / 'gone.png'}: ")
    assert directory.startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_any_file_name_can_be_printed(pictures, tmp_path, options):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/cr\xe8me.png"))  # Latin-1, as old archives hold
    odd.write_bytes(pictures["blue"].read_bytes())
    missing = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    command = [sys.executable, "-m", "imagetagger.tagger", str(folder()), *options, missing, odd]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    (line,) = done.stdout.decode().splitlines()
    assert "blue" in line
    assert "me.png" in line
    if options:
        assert json.loads(line)["image"] == str(odd)


@pytest.mark.parametrize("kind", ["gone", "empty", "picture"])
def test_a_bundle_that_is_none_is_a_message(call, pictures, tmp_path, kind):
    (tmp_path / "empty").mkdir()
    path = {"gone": tmp_path / "gone", "empty": tmp_path / "empty", "picture": pictures["blue"]}[kind]
    code, out, err = call("tag", path, pictures["blue"])
    assert (code, out) == (1, "")
    why = {"gone": "nothing is", "empty": "manifest.json is missing", "picture": "no .zip file"}[kind]
    assert why in err
    assert str(path) in err


def test_lessons_that_are_none_are_a_message(call, pictures, tmp_path):
    write_zip({"holiday.txt": b"sun"}, tmp_path / "other.zip")
    for name, why in (("gone.zip", "nothing is"), ("other.zip", "lessons.json is missing")):
        code, out, err = call("tag", folder(), "--lessons", tmp_path / name, pictures["blue"])
        assert (code, out) == (1, "")
        assert why in err
        assert name in err


def test_a_missing_bundle_leaves_no_traceback(pictures, tmp_path):
    done = python("-m", "imagetagger.tagger", tmp_path / "gone", pictures["blue"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"got {tmp_path / 'gone'}, where nothing is: expected a folder or a .zip file\n"


def test_the_module_tags_as_the_console_script_does(call, pictures):
    done = python("-m", "imagetagger.tagger", folder(), pictures["blue"], pictures["crimson"])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == call("tag", folder(), pictures["blue"], pictures["crimson"])[1]
    assert done.stdout == call(folder(), pictures["blue"], pictures["crimson"], command=cli.tag)[1]


def test_a_reader_who_stops_early_leaves_no_traceback(pictures):
    images = [pictures["blue"]] * 3000
    command = [sys.executable, "-m", "imagetagger.tagger", str(folder()), *map(str, images)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started_program:
        assert "blue" in started_program.stdout.readline()
        started_program.stdout.close()
        assert started_program.stderr.read() == ""


def test_help_teaches_the_commands_by_example(call):
    code, out, _ = call("--help")
    assert code == 0
    taught = ("run +experiment=", "verify BUNDLE", "tag BUNDLE cat.jpg", "serve BUNDLE", "webapp BUNDLE FOLDER")
    assert all(f"imagetagger {command}" in out for command in taught)
    for command in ("tag", "verify", "serve", "webapp"):
        code, out, _ = call(command, "--help")
        assert code == 0
        assert "BUNDLE" in out or "bundle" in out
        assert "exit code" in out
    assert "imagetagger tag bundle.zip --top-k 3 --json *.jpg" in call("tag", "--help")[1]
    assert "for each address apart, so the port is always the same one" in call("serve", "--help")[1]


@pytest.mark.parametrize("arguments", [[], ["tga"], ["tag"], ["tag", "bundle"], ["tag", "bundle", "x.png", "--best"]])
def test_a_command_line_that_makes_no_sense_is_explained(call, arguments):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: imagetagger")


@pytest.mark.slow
@pytest.mark.parametrize("program", ["imagetagger run", "python -m imagetagger.run"])
def test_help_of_run_is_hydras(program, tmp_path):
    code = "import sys; from imagetagger.cli import main; main(sys.argv[1:])"
    command = ["-c", code, "run"] if program == "imagetagger run" else ["-m", "imagetagger.run"]
    done = python(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "+experiment=quickstart" in done.stdout
    assert "evaluate:\n" in done.stdout


@pytest.mark.slow
def test_run_hands_its_arguments_to_hydra(tmp_path):
    code = "import sys; from imagetagger.cli import main; main(sys.argv[1:])"
    done = python("-c", code, "run", "+experiment=quickstart", "classifier.kappa=7", "--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kappa: 7" in done.stdout


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A built app in the place where the package has its own."""
    made = built_app(tmp_path / "app")
    for function in (site.site, site.write_site):
        monkeypatch.setattr(function, "__defaults__", (made,))
    return made


def test_webapp_writes_a_site_and_says_how_to_serve_it(call, app, tmp_path):
    code, out, err = call("webapp", folder(), tmp_path / "site")
    assert (code, err) == (0, "")
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert out.startswith(f"{tmp_path / 'site'}: the app with the bundle, {len(files)} files, ")
    assert "Any web host with HTTPS can serve it" in out


def test_webapp_leaves_alone_what_is_no_site(call, app, pictures, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    code, out, err = call("webapp", folder(), tmp_path / "mine")
    assert (code, out) == (1, "")
    assert "holds note.txt, which no site of ours does" in err
    code, out, err = call("webapp", folder(), folder() / "site")
    assert (code, out) == (1, "")
    assert "which lies in the bundle: name a folder outside" in err
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
def test_a_port_that_is_none_is_refused(call, port):
    code, _, err = call("serve", folder(), f"--port={port}")
    assert code == 2
    assert f"argument --port: got {port}, expected a whole number from 0 (any free port) to 65535" in err
