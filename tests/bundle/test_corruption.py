"""The claim of the bundle's format: no damage and no mischief gets through unseen, crashes, hangs or writes."""

import json
import random
import shutil
import stat
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.reader import read_bundle
from imagetagger.bundle.strict_json import BundleError
from imagetagger.bundle.verify import verify_bundle
from tests.helpers.bundles import bundle_files
from tests.helpers.sealing import put, reseal, with_statistics

COUNT = 1000

HOSTILE = (
    *("../evil", "../../evil", "golden/../../evil", "/tmp/evil", "//host/evil", "C:\\evil", "C:/evil", "..\\evil", "."),
    *(
        "golden/",
        ".bashrc",
        "golden/.hidden",
        "a/b/c/d/e/f",
        "model.tflite/x",
        "x" * 5000,
        "a\x1b[2J",
        "ä",
        "a\nb",
        "a:b",
    ),
)

ABSURD = (
    *(
        None,
        True,
        -1,
        -0.5,
        2**63,
        int("9" * 400),
        int("9" * 4000),
        1e308,
        -1e-300,
        "",
        "\x1b[2J",
        "\ud800",
        "x" * 100_000,
    ),
    *("NaN", "../evil", [], [[]], {}, [None] * 1000, {"": {}}, {"x": 1}, {str(i): i for i in range(2000)}),
)

FREE = ("name", "digest", "files", "metrics", "provenance", "classifier")
"""What may be changed in the manifest without a change of what is computed; `classifier` is for information."""


def flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def spoiled(data: bytes, rng: random.Random) -> bytes:
    """Flipped, cut, grown, emptied, or noise."""
    if not data:
        return b"x"
    return rng.choice(
        (flipped(data, rng), flipped(data, rng), cut(data, rng), data + b"x", b"", rng.randbytes(len(data)))
    )


def places(value, path=()):
    """The path of everything in a manifest."""
    for key, item in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from places(item, (*path, key))


def any_file(files, rng) -> str:
    return rng.choice(sorted(files))


def damaged_zip(files, path, rng):
    """A .zip flipped, cut, or with bytes put in or taken out."""
    write_zip(files, path)
    data, some = path.read_bytes(), sorted(rng.randrange(path.stat().st_size) for _ in range(2))
    if rng.random() < 0.3:  # where names, sizes and offsets stand
        directory = data.index(b"PK\x01\x02")
        path.write_bytes(data[:directory] + flipped(data[directory:], rng))
    else:
        path.write_bytes(
            rng.choice(
                (flipped(data, rng), cut(data, rng), data[: some[0]] + data[some[1] :], data + rng.randbytes(50))
            )
        )


def damaged_file(files, path, rng):
    write_folder(files, path)
    name = any_file(files, rng)
    (path / name).write_bytes(spoiled(files[name], rng))


def swapped_files(files, path, rng):
    a, b = rng.sample(sorted(files), 2)
    rng.choice((write_folder, write_zip))(files | {a: files[b], b: files[a] if rng.random() < 0.5 else files[b]}, path)


def missing_or_strange_file(files, path, rng):
    name = any_file(files, rng)
    left = {key: data for key, data in files.items() if key != name}
    strange = {name.upper() if rng.random() < 0.5 else f"{name}.bak": files[name]}
    rng.choice((write_folder, write_zip))(rng.choice((left, left | strange, files | strange)), path)


def hostile_name(files, path, rng):
    """A .zip with a name that leads outside, a name twice, a link, a bomb or an encrypted file."""
    trick = rng.choice(("name", "name", "renamed", "twice", "link", "bomb", "encrypted"))
    members = [(zipfile.ZipInfo(name), data) for name, data in sorted(files.items())]
    at = rng.randrange(len(members))
    member = zipfile.ZipInfo(rng.choice(HOSTILE) if trick == "name" else f"notes{rng.randrange(9)}.txt")
    content = b"/etc/passwd"
    if trick == "renamed":
        member, content = zipfile.ZipInfo(rng.choice(HOSTILE)), members.pop(at)[1]
    elif trick == "twice":
        member, content = members[at]
    elif trick == "link":
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
    elif trick == "bomb":
        member.compress_type, content = zipfile.ZIP_DEFLATED, bytes(5_000_000)
    members.insert(at, (member, content))
    with zipfile.ZipFile(path, "w") as archive:
        for one, data in members:
            archive.writestr(one, data)
    if trick == "encrypted":
        data = bytearray(path.read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)


def link_in_a_folder(files, path, rng):
    write_folder(files, path)
    name = any_file(files, rng)
    (path / name).unlink()
    (path / name).symlink_to(rng.choice(("/etc/passwd", "/dev/zero", "/", path.parent / "private", path, "nowhere")))


def absurd_manifest(files, path, rng):
    """A value that makes no sense, or a key too many, sealed again."""

    def edit(manifest):
        place = rng.choice([one for one in places(manifest) if one[0] != "provenance"])
        put(manifest, (*place[:-1], "strange") if rng.random() < 0.1 else place, rng.choice(ABSURD))

    write_zip(reseal(files, edit=edit), path)


def sealed_damage(files, path, rng):
    """A damaged file, sealed again. Not the model's bytes flipped: that is another program, not damage."""
    name = any_file(set(files) - {"manifest.json", "model.tflite"}, rng)
    model = cut(files["model.tflite"], rng) if rng.random() < 0.1 else files["model.tflite"]
    write_zip(reseal(files, {name: spoiled(files[name], rng), "model.tflite": model}), path)


def hostile_numbers(files, path, rng):
    """A number of the statistics that overflows or is none, sealed again: loading must find it."""
    tensors = {key: value.copy() for key, value in load(files["statistics.safetensors"]).items()}
    key = rng.choice(("count", "mean", "m2"))
    wrong = {
        "count": (-1, 2.0**24, 1e30, 1e-30),
        "mean": (1e19, -1e20, 2e6),
        "m2": (-1e-30, 1e-40, 1e30),
    }
    tensors[key].flat[rng.randrange(tensors[key].size)] = rng.choice((*wrong[key], np.nan, np.inf, -np.inf))
    write_zip(reseal(files, with_statistics(files, **tensors)), path)


def sealed_swap(files, path, rng):
    a, b = rng.sample(sorted(set(files) - {"manifest.json"}), 2)
    write_zip(reseal(files, {a: files[b], b: files[a]}), path)


def sealed_without(files, path, rng):
    write_zip(reseal(files, {any_file(set(files) - {"manifest.json"}, rng): None}), path)


def manifest_bytes(files, path, rng):
    """The manifest's JSON spoiled: not sealed again, so that nothing may be read from it."""
    write_zip(files | {"manifest.json": spoiled(files["manifest.json"], rng)}, path)


UNSEALED = (
    *(damaged_zip, damaged_file, swapped_files, missing_or_strange_file, hostile_name, link_in_a_folder),
    manifest_bytes,
)
SEALED = (absurd_manifest, absurd_manifest, sealed_damage, sealed_damage, sealed_swap, sealed_without, hostile_numbers)


def refusal(path: Path) -> str | None:
    """Why a bundle is refused; None where it is sound. Any other exception is a crash."""
    try:
        verify_bundle(path)
    except (BundleError, FileNotFoundError) as error:
        return str(error)
    return None


def fixed(files) -> dict:
    return {key: value for key, value in json.loads(files["manifest.json"]).items() if key not in FREE}


def assert_same_statistics(data: bytes, expected: bytes):
    """That statistics differ by no more than golden vectors can show: one variance of many by a thousandth."""
    got = load(data)
    for name, value in load(expected).items():
        np.testing.assert_allclose(got[name], value, rtol=1e-2)


def contents(folder: Path) -> dict:
    """What is in a folder, links not followed."""
    return {
        path.relative_to(folder): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in folder.rglob("*")
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_thousand_corruptions_are_each_refused_clearly_or_harmless(tmp_path, monkeypatch):
    files = dict(bundle_files("export.onnx=false"))
    inside = tmp_path / "around" / "inside"
    inside.mkdir(parents=True)
    (inside / "private").write_bytes(b"mine")
    monkeypatch.chdir(inside)
    refused, sound = Counter(), Counter()
    for seed in range(COUNT):
        rng = random.Random(seed)
        kinds = UNSEALED + SEALED
        kind = kinds[seed % len(kinds)]
        path = inside / f"{seed}"
        kind(files, path, rng)
        before, start = contents(tmp_path), time.monotonic()
        print(seed, kind.__name__)  # pytest shows the last one if it fails
        why = refusal(path)
        assert time.monotonic() - start < 10
        assert contents(tmp_path) == before
        if kind is hostile_numbers:
            with pytest.raises(BundleError, match=r"statistics\.safetensors: .* of the tag "):
                read_bundle(path)
        if why is not None:
            refused[kind.__name__] += 1
            assert 10 < len(why) < 1500
            assert "\x1b" not in why
        else:
            sound[kind.__name__] += 1
            got = read_bundle(path).files
            assert got == files if kind in UNSEALED else fixed(got) == fixed(files)
            assert got["model.tflite"] == files["model.tflite"]
            assert_same_statistics(got["statistics.safetensors"], files["statistics.safetensors"])
        path.unlink() if path.is_file() else shutil.rmtree(path)
    print(refused, sound)
    assert sum(refused.values()) > 0.9 * COUNT
    assert set(refused) == {kind.__name__ for kind in UNSEALED + SEALED}
