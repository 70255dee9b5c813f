import itertools
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.reader import REQUIRED_FILES, check_bundle, read_bundle, read_statistics, read_tensors
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
    assert "and 990 more" in refused({**files(), **{f"{i}{'x' * 150}": b"" for i in range(1000)}})


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
    assert f"{key} of the tag 'crimson'" in (message := refused(statistics(**{key: tensor})))
    assert f"{value:g}, expected " in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("count", value) for value in (-1e-30, -1, 2**24, 1e30, 1e-30)],
        *[("mean", value) for value in (1e20, -1e20, 1.001e6)],
        *[("m2", value) for value in (-1e-30, 1e-40, 8 * 4.001e12, 1e30)],
        *[("score_offset", value) for value in (1e30, -1e7)],
    ],
)
def test_statistics_out_of_bounds_are_refused_with_the_tag_and_the_bounds(key, value):
    tensors = {"score_offset": np.zeros(4, np.float32)} | load_tensors(files()[STATISTICS])
    tensors[key][1] = value
    message = refused(statistics(**{key: tensors[key]}))
    assert f"{key} of the tag 'green'" in message
    assert f"{np.float32(value):g}, expected " in message


def test_a_row_without_pictures_has_no_squares():
    tensors = load_tensors(files()[STATISTICS])
    tensors["count"][2] = 0
    assert "m2 of the tag 'red' is " in refused(statistics(**tensors))
    tensors["m2"][2] = 0
    assert check_bundle(statistics(**tensors)).rows.count[2] == 0


def test_the_largest_numbers_that_bundles_may_hold_are_read_and_give_finite_sums():
    tensors = load_tensors(files()[STATISTICS])
    largest = {"count": np.full(4, 2**24 - 1), "mean": np.full((4, 48), -1e6), "score_offset": np.full(4, 1e6)}
    largest["m2"] = 4e12 * np.float32(2**24 - 1) * np.ones((4, 48)) * 0.999999
    rows = check_bundle(statistics(**{key: value.astype(np.float32) for key, value in largest.items()})).rows
    squares = np.float32(2**24 - 1) * np.square(rows.mean - np.float32(1e6)) + rows.m2
    assert np.isfinite(np.float32(2**16 * 2**16) * squares.max())
    assert tensors.keys() == {"count", "mean", "m2"}


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


def test_scores_have_no_offset_unless_the_bundle_says_so():
    np.testing.assert_array_equal(check_bundle(files()).score_offset, np.zeros(4, np.float32))
    offset = np.array([1.5, -2, 0, 1e6], np.float32)
    changed = check_bundle(statistics(score_offset=offset))
    np.testing.assert_array_equal(changed.score_offset, offset)
    for got, expected in zip(changed.rows, check_bundle(files()).rows, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("value", [np.zeros(3), np.zeros(5), np.zeros((4, 1)), np.zeros(())])
def test_a_score_offset_of_another_shape_or_dtype_is_refused(value):
    assert "score_offset is float32 (" in refused(statistics(score_offset=value.astype(np.float32)))
    assert "score_offset is float64 (4,), expected float32 (4,)" in refused(statistics(score_offset=np.zeros(4)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_offset_that_is_not_finite_is_refused(value):
    offset = np.array([0, value, 0, 0], np.float32)
    assert f"score_offset of the tag 'green': got the value {value:g}" in refused(statistics(score_offset=offset))


def test_terms_are_read_and_refused_with_the_bundle():
    made = check_bundle(reseal(files(), {"terms.json": b'[{"id":"t","name":"T","synonyms":[]}]'}))
    assert [term.name for term in made.terms] == ["T"]
    assert check_bundle(files()).terms == ()
    assert "terms.json" in refused(reseal(files(), {"terms.json": b"["}))
    own = json.dumps([{"id": made.labels[0].id, "name": "T", "synonyms": []}]).encode()
    assert "have the same id" in refused(reseal(files(), {"terms.json": own}))


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


def test_tensors_are_counted_before_they_are_loaded(monkeypatch):
    monkeypatch.setattr("imagetagger.bundle.reader.load_tensors", lambda data: pytest.fail("loaded"))
    data = save_tensors({f"{i}": np.zeros(0, np.float32) for i in range(3)})
    with pytest.raises(BundleError, match="3 tensors, expected at most 2"):
        read_tensors(data, "made.safetensors", 2)
