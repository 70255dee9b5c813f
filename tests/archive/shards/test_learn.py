"""Learning from shards: like learning from the same pictures at once, whatever the shards and whoever works."""

import shutil

import numpy as np
import pytest

from imagetagger.archive.embedding.embed import archive_space
from imagetagger.archive.promise.leave_one_out import learn_rows, merge_tag_rows
from imagetagger.archive.shards.learn import draw_sample, embed_shards, learn_shards
from imagetagger.archive.shards.results import embeddings_file, read_embedded, shard_fingerprint, statistics_file
from imagetagger.archive.shards.work import start_shard_embedder, sum_shard
from imagetagger.archive.tagging.learn import learn_tags
from imagetagger.archive.tagging.learned_file import encode_learned
from imagetagger.bundle.reader import Rows
from tests.helpers.bundles import WHITENED
from tests.helpers.shards import KINDS, Sample, samples, write_shards, write_tar
from tests.helpers.taught import bundle, executor, files

pytestmark = pytest.mark.slow

KEYWORDS = tuple(("colour", kind) for kind in sorted(KINDS))
HOW = {"exact": False, "engine": "local", "workers": 2, "precision": 0.9}


def embedder(out):
    """What embeds a shard, in this process."""
    made = bundle(*WHITENED)
    return start_shard_embedder(files(*WHITENED)["model.tflite"], made.manifest, False, out)


def space() -> str:
    return archive_space(bundle(*WHITENED).manifest)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Five shards and the folder of their embeddings; do not change them."""
    folder = tmp_path_factory.mktemp("shards")
    shards = write_shards(folder / "shards")
    assert all(report.is_new and not report.problem for report in map(embedder(folder / "out"), shards))
    return shards, folder / "out"


@pytest.fixture
def own(embedded, tmp_path):
    """A copy of them."""
    shutil.copytree(embedded[1].parent, tmp_path / "copy")  # with modification times
    return [tmp_path / "copy" / "shards" / shard.name for shard in embedded[0]], tmp_path / "copy" / "out"


def learn(shards, out, sample=1000):
    return learn_shards(shards, bundle(*WHITENED), out, sample=sample, **HOW)


def test_a_sample_of_all_pictures_gives_exactly_what_learning_from_them_gives(embedded):
    shards, out = embedded
    drawn = draw_sample(shards, out, space(), 1000)
    assert drawn.pictures.labels.sum(0).tolist() == [40, 40, 40]
    at_once = learn_tags(
        bundle(*WHITENED), executor(*WHITENED), drawn.pictures, drawn.embeddings, space(), precision=0.9
    )
    assert at_once.keywords == KEYWORDS
    assert encode_learned(learn(shards, out)) == encode_learned(at_once)


def test_statistics_are_of_all_pictures_whatever_the_sample(embedded):
    shards, out = embedded
    everything, some = learn(shards, out), learn(shards, out, sample=60)
    assert sum(report.pictures for report in some.reports) == 60
    np.testing.assert_array_equal(some.rows.count, everything.rows.count)
    np.testing.assert_allclose(some.rows.mean, everything.rows.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(some.rows.m2, everything.rows.m2, rtol=1e-5, atol=1e-5)


def test_the_sample_is_the_same_however_pictures_are_dealt_to_shards(embedded):
    shards, out = embedded
    drawn, again = (draw_sample(order, out, space(), 50) for order in (shards, shards[::-1]))
    np.testing.assert_array_equal(drawn.embeddings, again.embeddings)
    assert len({one.partition("/")[0] for one in drawn.pictures.contents}) == 50
    larger = draw_sample(shards, out, space(), 60)
    contents = [one.partition("/")[0] for one in larger.pictures.contents]
    assert contents[:50] == [one.partition("/")[0] for one in drawn.pictures.contents]


def test_copies_of_a_picture_are_predicted_without_each_other(tmp_path):
    one = samples(0, 1)
    shards = [write_tar(tmp_path / f"{i}.tar", one) for i in range(3)]
    list(map(embedder(tmp_path / "out"), shards))
    drawn = draw_sample(shards, tmp_path / "out", space(), 100)
    assert drawn.pictures.labels.shape == (9, 3)
    assert sorted(drawn.groups.tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_finished_shards_are_not_read_again(own):
    shards, out = own
    learn(shards, out)
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert len(made) == 2 * len(shards)
    reports = list(map(embedder(out), shards))
    assert [(report.pictures, report.is_new) for report in reports] == [(24, False)] * 5
    learn(shards, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == made


def test_a_changed_shard_and_a_damaged_result_are_made_again(own):
    shards, out = own
    before = learn(shards, out)
    write_tar(shards[0], samples(9, 4))
    embeddings_file(out, shards[1]).write_bytes(b"damaged")
    statistics_file(out, shards[2]).write_bytes(b"damaged")
    reports = list(map(embedder(out), shards))
    assert [report.is_new for report in reports] == [True, True, False, False, False]
    assert [report.pictures for report in reports] == [12, 24, 24, 24, 24]
    after = learn(shards, out)
    assert (before.rows.count - after.rows.count).tolist() == [4, 4, 4]


def test_a_shard_that_cannot_be_read_is_reported_and_completed_by_the_next_run(own, tmp_path):
    shards, out = own
    whole = encode_learned(learn(shards, out))
    data, state = shards[1].read_bytes(), shards[1].stat()
    shutil.rmtree(out / shards[1].name)
    shards[1].write_bytes(data[:1000])
    reports = {one.shard: one for one in embed_shards(shards, bundle(*WHITENED), out, False, "local", 1)}
    assert {shard.name for shard, one in reports.items() if one.problem} == {shards[1].name}
    assert "damaged" in reports[shards[1]].problem
    shards[1].write_bytes(data)
    (report,) = embed_shards(shards[1:2], bundle(*WHITENED), out, False, "local", 1)
    assert (report.problem, report.is_new) == (None, True)
    assert state.st_size == shards[1].stat().st_size
    assert encode_learned(learn(shards, out)) == whole


def test_pictures_that_cannot_be_used_are_counted(tmp_path):
    shard = write_tar(tmp_path / "a.tar", [Sample("bad", b"text" * 99, {}), *samples(0, 1), Sample("none", None, {})])
    report = embedder(tmp_path / "out")(shard)
    assert report[1:] == (3, 2, "bad: not a picture", True, None)
    listing, embeddings = read_embedded(embeddings_file(tmp_path / "out", shard), shard_fingerprint(shard, space()))
    assert [one.key for one in listing.pictures] == ["00000", "00001", "00002"]
    assert embeddings.dtype == np.float32


def test_a_shard_without_any_picture_changes_nothing(own):
    shards, out = own
    empty = write_tar(shards[0].with_name("empty.tar"), [])
    assert embedder(out)(empty).pictures == 0
    assert encode_learned(learn([*shards, empty], out)) == encode_learned(learn(shards, out))
    assert encode_learned(learn([empty, *shards], out)) == encode_learned(learn(shards, out))


def test_a_shard_that_was_not_embedded_cannot_be_summed(own):
    shards, out = own
    shutil.rmtree(out / shards[0].name)
    assert "start again" in sum_shard(shards[0], KEYWORDS, out, space()).problem


def test_merged_statistics_are_those_of_all_pictures():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(3, 2, (60, 5)), rng.random((60, 4)) < 0.3
    labels[:, 3] = False
    nothing = Rows(np.zeros(4), np.zeros((4, 5)), np.zeros((4, 5)))
    a, b = (learn_rows(nothing, x[part], labels[part]) for part in (slice(40), slice(40, None)))
    merged, at_once = merge_tag_rows(a, b), learn_rows(nothing, x, labels)
    for one, other in zip(merged, at_once, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    for pair in ((nothing, a), (a, nothing)):
        for one, other in zip(merge_tag_rows(*pair), a, strict=True):
            np.testing.assert_array_equal(one, other)
