import itertools
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.reader import REQUIRED_FILES, check_bundle, read_bundle, read_statistics
from imagetagger.bundle.strict_json import BundleError
from tests.helpers.bundles import bundle_files
from tests.helpers.sealing import reseal

FAST = "export.onnx=false"
STATISTICS = "statistics.safetensors"


def files() -> dict[str, bytes]:
    return dict(bundle_files(FAST))


def others() -> list[str]:
    return sorted(set(files()) - {"manifest.json"})


def refused(changed: dict[str, bytes]) -> str:
    with pytest.raises(BundleError) as caught:
        check_bundle(changed)
    message = str(caught.value)
    assert 10 < len(message) < 1000
    assert message.isprintable()
    return message


def space() -> str:
    return json.loads(files()["manifest.json"])["embedding_space"]


def statistics(metadata: dict | None = None, **changes) -> dict[str, bytes]:
    """A bundle with other statistics, sealed; None: without the tensor."""
    tensors = {
        key: value for key, value in {**load_tensors(files()[STATISTICS]), **changes}.items() if value is not None
    }
    return reseal(
        files(), {STATISTICS: save_tensors(tensors, {"embedding_space": space()} if metadata is None else metadata)}
    )


def labels(value) -> dict[str, bytes]:
    return reseal(files(), {"labels.json": json.dumps(value).encode()})


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_bundle_is_read_from_a_folder_and_from_a_zip(write, tmp_path):
    write(bundle_files(FAST), tmp_path / "bundle")
    got, made = read_bundle(tmp_path / "bundle"), check_bundle(bundle_files(FAST))
    assert got.files == bundle_files(FAST)
    assert (got.manifest, got.labels) == (made.manifest, made.labels)
    for a, b in zip(got.rows, made.rows, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(repr(got)) < 100


def test_sealing_again_gives_a_bundle():
    assert check_bundle(reseal(files())).files != files()
    assert check_bundle(reseal(files(), {"MODEL_CARD.md": None})).labels == check_bundle(files()).labels
    assert check_bundle(reseal(files(), {"notes/a.txt": b"of a later version"})).labels == check_bundle(files()).labels


def test_nothing_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="where nothing is"):
        read_bundle(tmp_path / "bundle")


def test_an_empty_folder_is_not_a_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        read_bundle(tmp_path)


def test_what_cannot_be_unpacked_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(BundleError, match=r"x\.zip is not a \.zip"):
        read_bundle(tmp_path / "x.zip")


def test_a_missing_file_is_refused_and_named():
    for name in files():
        left = files()
        del left[name]
        assert name in refused(left)


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_required_file_must_be_there_though_the_manifest_does_not_list_it(name):
    assert f"missing from the bundle: {name}" in refused(reseal(files(), {name: None}))


@pytest.mark.parametrize("name", ["evil.so", "golden/9.png", "manifest.json.bak"])
def test_a_file_that_is_not_listed_is_refused_and_named(name):
    assert f"not listed in manifest.json: {name}" in refused({**files(), name: b""})


def test_many_strange_files_make_no_long_message():
    assert "and 995 more" in refused({**files(), **{f"{i}{'x' * 150}": b"" for i in range(1000)}})


def test_a_file_that_was_cut_or_has_grown_is_refused_and_named():
    for name in others():
        for data in (b"", files()[name][:-1], files()[name] + b"\0", files()[name][1:]):
            assert f"{name} has {len(data):,} bytes" in refused({**files(), name: data})


def test_a_flipped_byte_is_refused_and_its_file_named():
    for name in others():
        data = files()[name]
        for at in (0, len(data) // 2, len(data) - 1):
            flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            assert f"{name} was changed" in refused({**files(), name: flipped})


def test_two_files_swapped_are_refused():
    for a, b in itertools.combinations(others(), 2):
        swapped = files() | {a: files()[b], b: files()[a]}
        message = refused(swapped)
        assert a in message or b in message


def test_the_manifest_of_another_bundle_is_refused():
    other = reseal(files(), {"MODEL_CARD.md": b"# Another"})
    assert "MODEL_CARD.md" in refused(files() | {"manifest.json": other["manifest.json"]})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["count", "mean", "m2"])
def test_statistics_that_are_not_finite_are_refused(key, value):
    tensor = load_tensors(files()[STATISTICS])[key]
    tensor[-1] = value
    assert f"{key} has values that are not finite" in refused(statistics(**{key: tensor}))


@pytest.mark.parametrize("key", ["count", "m2"])
def test_negative_statistics_are_refused(key):
    tensor = load_tensors(files()[STATISTICS])[key]
    tensor[0] = -1e-30
    assert "must not be negative" in refused(statistics(**{key: tensor}))


@pytest.mark.parametrize("key", ["count", "mean", "m2"])
def test_statistics_of_another_shape_or_dtype_are_refused(key):
    tensor = load_tensors(files()[STATISTICS])[key]
    wrong = [tensor[:-1], np.concatenate([tensor, tensor]), tensor[None], tensor.ravel()[:0], tensor.reshape(-1)[0]]
    for value in (*wrong, *(tensor.astype(dtype) for dtype in (np.float64, np.float16, np.int32, np.bool_))):
        assert f"{key} is {value.dtype}" in refused(statistics(**{key: np.asarray(value)}))


def test_a_tensor_too_few_or_too_many_is_refused():
    assert "holds count, mean, expected" in refused(statistics(m2=None))
    assert "holds count, extra, m2, mean" in refused(statistics(extra=np.zeros(1)))


@pytest.mark.parametrize(
    "metadata", [{}, {"embedding_space": "b" * 64}, {"embedding_space": "x" * 100_000}, {"a": "b"}]
)
def test_statistics_of_another_embedding_space_are_refused(metadata):
    assert "embedding space" in refused(statistics(metadata))


def header(text: str, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + body


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"abc",
            b"\xff" * 100,
            struct.pack("<Q", 2**63) + b"{}",
            header("[]"),
            header("{"),
            header("1" * 10_000),
        ),
        header('{"__metadata__":null}'),
        header('{"__metadata__":{"embedding_space":1}}'),
        header('{"count":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', b"ab"),
        header('{"count":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}', b"ab"),
        header('{"count":{"dtype":"%s","shape":[2],"data_offsets":[0,2]}}' % ("X" * 5000), b"ab"),
        header('{"count":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}', b"abcd"),
        header('{"count":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]}}'),
        header('{"count":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', b"abcd"),
    ],
)
def test_what_is_not_a_safetensors_file_is_refused_and_named(data):
    assert STATISTICS in refused(reseal(files(), {STATISTICS: data}))


def test_other_statistics_are_named_in_their_errors():
    manifest = check_bundle(files()).manifest
    with pytest.raises(BundleError, match=r"^onnx/statistics\.safetensors is not a"):
        read_statistics(b"", manifest, 4, "onnx/statistics.safetensors")


TAG = {"id": "a", "name": "A", "synonyms": []}


def test_two_tags_may_have_one_name():
    value = json.loads(files()["labels.json"])
    value[0]["name"] = value[1]["name"]
    assert check_bundle(labels(value)).labels[0].name == check_bundle(files()).labels[1].name


def test_more_or_fewer_tags_than_rows_are_refused():
    value = json.loads(files()["labels.json"])
    assert "expected float32 (3,)" in refused(labels(value[:-1]))
    assert "expected float32 (5,)" in refused(labels([*value, TAG]))


def test_the_folder_of_a_run_and_lessons_are_recognised(tmp_path):
    write_folder(bundle_files(), tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"the folder of a run: its bundle is .*bundle"):
        read_bundle(tmp_path)
    with pytest.raises(BundleError, match="these are lessons, not a bundle"):
        check_bundle({"lessons.json": b"{}"})
