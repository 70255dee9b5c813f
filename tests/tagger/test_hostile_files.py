"""Small files with numbers that overflow, and small ones that would cost much: refused, or done quickly."""

import hashlib
import json
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger import Tagger
from imagetagger.bundle.archive import write_zip
from imagetagger.bundle.executor import Executor
from imagetagger.bundle.labels import MAX_LABELS, MAX_TERM_PAIRS
from imagetagger.bundle.manifest import parse_manifest
from imagetagger.bundle.reader import check_bundle
from imagetagger.bundle.strict_json import BundleError
from imagetagger.prediction.predict import PredictionError
from imagetagger.tagger.lesson_file import load_lessons
from imagetagger.tagger.lessons import MAX_OWN_TAGS, LessonError
from imagetagger.terms.graph import term_graph
from tests.helpers.bundles import WHITENED
from tests.helpers.cases import copy_case
from tests.helpers.sealing import reseal, with_statistics
from tests.helpers.taught import bundle, executor, files, folder, pixels, tagger

SECONDS, MEGABYTES = 3.0, 200
"""Processor time and memory of a whole load; below a second on an idle machine, and minutes once."""


def packed_lessons(path: Path, edits: dict | None = None, extra: dict[str, bytes] | None = None, **content) -> Path:
    """Write lessons of these contents, packed as tightly as possible."""
    listed = {"schema": 1, "contains_pictures": False, "names": {}, "pictures": [], **content}
    listed["edits"] = {"names": {}, "merged": {}, "removed": [], **(edits or {})}
    made = {"lessons.json": json.dumps(listed).encode(), "embeddings.safetensors": save_tensors({}), **(extra or {})}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in made.items():
            archive.writestr(name, data)
    return path


def refusal(function) -> str | None:
    try:
        function()
    except (BundleError, LessonError) as error:
        return str(error)
    return None


@pytest.fixture
def cheap():
    """A function that calls another one within SECONDS and MEGABYTES and returns its error as text, None without."""

    def run(function) -> str | None:
        start = time.process_time()
        why = refusal(function)
        assert time.process_time() - start < SECONDS
        tracemalloc.start()  # everything takes several times as long
        try:
            assert refusal(function) == why
            assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 2**20
        finally:
            tracemalloc.stop()
        return why

    return run


def test_lessons_that_overflow_are_refused_with_the_tag_and_the_bound(tmp_path):
    """R03-overflowing-numbers, lessons_nan.zip."""
    case = copy_case("R03-overflowing-numbers", tmp_path)
    with pytest.raises(LessonError, match=r"taught as .*: got the value -?1e\+19, expected -1,000,000 to 1,000,000"):
        load_lessons(case / "lessons_nan.zip")
    with pytest.raises(LessonError, match="expected -1,000,000 to 1,000,000"):
        Tagger.load(folder(), case / "lessons_nan.zip")


@pytest.mark.parametrize(
    ("key", "value"),
    [("mean", 1e20), ("mean", np.inf), ("m2", 1e-40), ("m2", np.nan), ("count", 1e30), ("count", -1)],
)
def test_a_bundle_that_overflows_is_refused_at_loading_with_the_tag_and_the_bound(key, value, tmp_path):
    """R03-overflowing-numbers, bundle_nan.py."""
    tensors = {name: tensor.copy() for name, tensor in load_tensors(files()["statistics.safetensors"]).items()}
    tensors[key][:] = value
    write_zip(reseal(files(), with_statistics(files(), **tensors)), tmp_path / "nan_bundle.zip")
    with pytest.raises(BundleError, match=rf"statistics\.safetensors: {key} of the tag 'blue'.* expected "):
        Tagger.load(tmp_path / "nan_bundle.zip")


@pytest.mark.parametrize("temperature", [0, 1e-30, -1, 1e30])
def test_a_temperature_that_overflows_is_refused(temperature):
    changed = reseal(files(), edit=lambda manifest: manifest["decision"]["calibration"].update(temperature=temperature))
    with pytest.raises(BundleError, match=r"decision\.calibration\.temperature"):
        parse_manifest(changed["manifest.json"])


def replaced(signature: str, **outputs: np.ndarray) -> Executor:
    """An executor one of whose signatures gives other outputs."""
    made = executor()
    return made._replace(runners=made.runners | {signature: lambda **_: outputs})


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e19])
def test_an_embedding_that_is_not_finite_is_an_error(value):
    """As of a model whose whitening holds NaN."""
    made = Tagger(bundle(), replaced("embed", embedding=np.full((1, 48), value, np.float32)))
    for use in (made.tag, made.describe, lambda picture: made.learn(picture, ["red"])):
        with pytest.raises(BundleError, match=r"model\.tflite gives an embedding that cannot be used: got the value"):
            use(pixels("red", 1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_not_finite_is_an_error_that_names_the_tag(value):
    scores = np.zeros(4, np.float32)
    scores[1] = value
    made = Tagger(bundle(), replaced("score", log_joint=scores))
    with pytest.raises(PredictionError, match=r"picture 0 has the score .* for tag 1 of the tag 'green'"):
        made.tag(pixels("red", 1))
    with pytest.raises(PredictionError):
        made.probabilities(np.zeros(48, np.float32))


def test_a_chain_of_merged_tags_is_followed_once_r05(tmp_path, cheap):
    """R05-small-file-large-cost: 4,000 links took 100 seconds."""
    case = copy_case("R05-small-file-large-cost", tmp_path)
    assert cheap(lambda: Tagger.load(folder(), case / "lessons_chain4000.zip")) is None


def names(count: int) -> dict[str, str]:
    return {f"t{i}": f"name {i}" for i in range(count)}


EDITS = {
    "a chain": {"names": names(10_000), "merged": {f"t{i}": f"t{i + 1}" for i in range(9_999)}},
    "a ring": {"names": names(10_000), "merged": {f"t{i}": f"t{(i + 1) % 10_000}" for i in range(10_000)}},
    "into one tag": {"names": names(10_000), "merged": {f"t{i}": "red" for i in range(10_000)}},
    "names": {"names": names(10_000)},
    "one name": {"names": {f"t{i}": "red" for i in range(10_000)}},
    "hidden": {"hidden": [f"t{i}" for i in range(100_000)]},
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_the_most_edits_that_are_allowed_are_cheap(edits, tmp_path, cheap):
    path = packed_lessons(tmp_path / "mine.zip", edits)
    assert path.stat().st_size < 300_000
    assert cheap(lambda: Tagger.load(folder(), path)) is None


REFUSED = {
    "200,000 names": ({"edits": {"names": names(200_000)}}, "edits.names: got "),
    "200,000 names of tags": ({"names": names(200_000)}, "names: got "),
    "90,000 unknown tags": (
        {"names": names(90_000)},
        "90,000 tags that were added or renamed, expected",
    ),
    "merged": ({"edits": {"merged": names(MAX_OWN_TAGS + 1)}}, "edits.merged: got "),
    "a million hidden": ({"edits": {"hidden": ["x"] * 1_000_000}}, "values, expected at most 500,000"),
    "zeros": ({"extra": {"embeddings.safetensors": bytes(2**27)}}, "which is more than the "),
    "a square of zeros": ({"extra": {"pictures/x.png": bytes(2**26 + 1)}}, "bytes, expected at most 67,108,864"),
    "spaces": ({"extra": {"lessons.json": b" " * (2**26 + 1)}}, "bytes, expected at most 67,108,864"),
    "objects": ({"extra": {"lessons.json": b"[" + b"{}," * 2**20}}, "values, expected at most 500,000"),
    "depth": ({"extra": {"lessons.json": b"[" * 400_000}}, "lessons.json is not valid JSON"),
    "digits": ({"extra": {"lessons.json": b'{"schema":' + b"9" * 100_000 + b"}"}}, "lessons.json is not valid JSON"),
    "a key twice": ({"extra": {"lessons.json": b'{"schema":1,"schema":1}'}}, "an object has a key twice"),
    "tensors": (
        {"extra": {"embeddings.safetensors": save_tensors({f"{i}": np.zeros(0, np.float32) for i in range(20_000)})}},
        "20,000 tensors, expected at most 0",
    ),
}


@pytest.mark.parametrize(("made", "why"), REFUSED.values(), ids=REFUSED)
def test_a_small_file_of_large_cost_is_refused_cheaply(made, why, tmp_path, cheap):
    path = packed_lessons(tmp_path / "mine.zip", **made)
    assert path.stat().st_size < 4_000_000
    assert why in (cheap(lambda: Tagger.load(folder(), path)) or "")


def entries(count: int, broader=lambda i: []) -> bytes:
    listed = [{"id": f"T{i}", "name": f"T{i}", "synonyms": [], "broader": broader(i)} for i in range(count)]
    return json.dumps(listed).encode()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("labels.json", entries(MAX_LABELS + 1), f"tags, expected at most {MAX_LABELS:,}"),
        ("labels.json", entries(200_000), "values, expected at most 500,000"),
        ("labels.json", b" " * (2**24 + 1), "labels.json"),
        ("terms.json", entries(10_001), "terms, expected at most 10,000"),
        ("terms.json", entries(8_000), f"pairs, expected at most {MAX_TERM_PAIRS:,}"),
        ("terms.json", entries(5_000, lambda i: [f"T{(i + 1) % 5_000}"]), "is a broader term of itself"),
    ],
)
def test_a_bundle_of_too_many_words_is_refused_cheaply(name, data, why, cheap):
    changed = reseal(files(), {name: data})
    assert why in (cheap(lambda: check_bundle(changed)) or "")


def test_deep_and_dense_graphs_of_terms_are_cheap(cheap):
    chain = {f"T{i}": [f"T{i + 1}"] for i in range(4_999)} | {"T4999": []}
    dense = {f"T{i}": [f"T{j}" for j in range(i + 1, min(i + 100, 3_000))] for i in range(3_000)}
    assert cheap(lambda: term_graph({"a": ["T0"]}, chain)) is None
    assert term_graph({"a": ["T0"]}, chain).below.all()
    assert cheap(lambda: term_graph({"a": ["T2998"]}, dense)) is None
    assert term_graph({"a": ["T2998"]}, dense).below.sum() == 2


def test_many_taught_pictures_of_few_bytes_are_cheap(tmp_path, cheap):
    space = bundle().manifest.embedding_space
    keys = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(1_000)]
    pictures = [{"id": key, "embedding_space": space, "tags": ["red", "blue"]} for key in keys]
    extra = {"embeddings.safetensors": save_tensors({key: np.ones(48, np.float32) for key in keys})}
    extra |= {f"pictures/{key}.png": b"x" for key in keys}
    path = packed_lessons(tmp_path / "mine.zip", extra=extra, pictures=pictures)
    assert cheap(lambda: Tagger.load(folder(), path)) is None


def test_what_is_saved_can_be_loaded_so_too_many_tags_are_refused_when_they_are_made(tmp_path):
    made = tagger()
    made.replace_lessons(packed_lessons(tmp_path / "mine.zip", {"names": names(MAX_OWN_TAGS)}))
    with pytest.raises(LessonError, match="got 10,001 tags that were added or renamed, expected at most 10,000"):
        made.add_tag("one more")
    made.save(tmp_path / "saved.zip")
    assert len(Tagger.load(folder(), tmp_path / "saved.zip").tags) == 10_004


@pytest.mark.parametrize("top_k", [np.int64(2), np.uint8(2), 2])
def test_numbers_of_numpy_are_accepted_b22(top_k):
    """B22-small-api."""
    made = tagger()
    assert len(made.tag(pixels("red", 1), top_k=top_k)) == 2


@pytest.mark.parametrize("top_k", [True, np.True_, -1, 0, 2.0, np.float64(2), "2", np.int64(-1), np.array([2])])
def test_a_number_of_tags_that_is_none_is_refused(top_k):
    with pytest.raises(ValueError, match="expected a whole number of at least 1"):
        tagger().tag(pixels("red", 1), top_k=top_k)


@pytest.mark.parametrize("coverage", ["0.9", True, 0, 1, -0.5, np.nan, np.float32(1), np.array([0.9]), [0.9], 90])
def test_a_coverage_that_is_none_is_refused(coverage):
    with pytest.raises(ValueError, match="expected a number above 0 and below 1"):
        tagger().tag(pixels("red", 1), coverage=coverage)


def test_a_coverage_of_numpy_is_that_of_python():
    made = tagger(*WHITENED)
    picture = pixels("red", 1)
    assert made.tag(picture, coverage=np.float64(0.5)) == made.tag(picture, coverage=0.5)


class Somewhere:
    """An os.PathLike that is no Path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_paths_of_any_kind_are_accepted_b22(tmp_path):
    """B22-small-api."""
    made = Tagger.load(Somewhere(folder()))
    made.add_tag("lemon")
    made.save(Somewhere(tmp_path / "mine.zip"))
    made.replace_lessons(Somewhere(tmp_path / "mine.zip"))
    made.merge_lessons(str(tmp_path / "mine.zip"))
    assert Tagger.load(str(folder()), Somewhere(tmp_path / "mine.zip")).has_tag("lemon")
