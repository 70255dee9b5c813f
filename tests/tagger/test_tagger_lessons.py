import functools
import json

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.archive import write_folder, write_zip
from imagetagger.bundle.strict_json import BundleError
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lesson_file import save_lessons
from imagetagger.tagger.lessons import LessonError
from imagetagger.tagger.tagger import Tagger
from tests.helpers.sealing import reseal
from tests.helpers.taught import (
    CRIMSON,
    YELLOW,
    bundle,
    counts,
    files,
    folder,
    names,
    pixels,
    seen,
    started,
    tagger,
)


def all_kinds_of_steps() -> Tagger:
    made = started()
    made.add_tag("ant")
    made.learn(pixels("red", 51), ["blue", "n01"])
    made.learn(pixels("red", 2), ["blue"])
    made.forget(pixels("red", 1), ["red"])
    made.rename_tag("red", "rouge")
    made.merge_tags("green", "rouge")
    made.remove_tag("blue")
    return made


def test_a_tagger_saved_and_loaded_says_exactly_the_same(tmp_path):
    made = all_kinds_of_steps()
    for path in (tmp_path / "mine.zip", str(tmp_path / "mine.zip")):
        made.save(path)
        loaded = Tagger.load(str(folder()), path)
        assert seen(loaded) == seen(made)
        for image in (pixels("red", 1), pixels(YELLOW, 7), pixels("blue", 3)):
            assert loaded.tag(image, top_k=9) == made.tag(image, top_k=9)
    loaded.save(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "mine.zip").read_bytes()


def test_tags_keep_their_order_over_saving_and_loading(tmp_path):
    made = tagger()
    for name in ("ant", "bee", "cat"):
        made.add_tag(name)
    made.learn(pixels(YELLOW, 1), ["cat"])
    made.save(tmp_path / "mine.zip")
    assert Tagger.load(folder(), tmp_path / "mine.zip").tags == made.tags


def test_a_loaded_tagger_learns_and_forgets_on(tmp_path):
    made = started()
    made.save(tmp_path / "mine.zip")
    loaded = Tagger.load(folder(), tmp_path / "mine.zip")
    for learner in (made, loaded):
        learner.forget(pixels("red", 2), ["red"])
        learner.learn(pixels("red", 9), ["lemon", "red"])
    assert seen(loaded) == seen(made)


def written(made: Tagger, path, change=lambda key, picture: picture):
    """Save a tagger with its pictures changed."""
    changed = {key: change(key, picture) for key, picture in made.lessons.pictures.items()}
    labels = bundle().labels
    save_lessons(made.lessons._replace(pictures=changed), tag_names.taught_names(labels, made.lessons), path)
    return path


def test_pictures_of_another_space_are_embedded_again_from_their_crops(tmp_path, caplog):
    made = all_kinds_of_steps()
    foreign = written(
        made, tmp_path / "old.zip", lambda key, p: p._replace(space="0" * 64, embedding=np.ones(3, np.float32))
    )
    with caplog.at_level("INFO"):
        loaded = Tagger.load(folder(), foreign)
    assert seen(loaded) == seen(made)
    assert "old.zip: embedded 4 pictures again" in caplog.text
    assert {picture.space for picture in loaded.lessons.pictures.values()} == {bundle().manifest.embedding_space}
    caplog.clear()
    loaded.save(tmp_path / "new.zip")
    with caplog.at_level("INFO"):
        assert seen(Tagger.load(folder(), tmp_path / "new.zip")) == seen(made)
    assert not caplog.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda key, p: p._replace(embedding=p.embedding[:5]), "has 5 features, expected 48"),
        (lambda key, p: p._replace(space="0" * 64, crop=p.crop[:99]), "crop of picture .* cannot be used: corrupt"),
        (lambda key, p: p._replace(space="0" * 64, crop=b""), "crop of picture .* cannot be used: empty file"),
    ],
)
def test_lessons_with_a_picture_that_cannot_be_used_are_refused_whole(tmp_path, change, why):
    path, made = written(started(), tmp_path / "bad.zip", change), tagger()
    before = seen(made)
    for call in (lambda: Tagger.load(folder(), path), lambda: made.merge_lessons(path)):
        with pytest.raises(LessonError, match=f"bad.zip.*{why}"):
            call()
    assert seen(made) == before


@functools.cache
def smaller() -> dict[str, bytes]:
    """A bundle of another space that knows blue and green only."""
    space, whole = "1" * 64, files()
    labels = json.loads(whole["labels.json"])[:2]
    rows = {key: np.ascontiguousarray(v[:2]) for key, v in load_tensors(whole["statistics.safetensors"]).items()}
    changed = {
        "labels.json": json.dumps(labels).encode(),
        "statistics.safetensors": save_tensors(rows, {"embedding_space": space}),
    }
    return reseal(whole, changed, lambda manifest: manifest.update(embedding_space=space))


def test_tags_that_a_new_bundle_lacks_keep_their_names_and_pictures(tmp_path):
    write_folder(smaller(), tmp_path / "bundle")
    made = tagger()
    made.learn(pixels(CRIMSON, 1), ["crimson"])
    made.rename_tag("red", "rouge")
    made.learn(pixels("red", 1), ["rouge", "blue"])
    made.save(tmp_path / "mine.zip")
    other = Tagger.load(tmp_path / "bundle", tmp_path / "mine.zip")
    assert counts(other) == {"blue": (9, 1), "green": (8, 0), "crimson": (1, 1), "rouge": (1, 1)}
    assert names(other.tag(pixels(CRIMSON, 2), 1)) == ["crimson"]
    other.save(tmp_path / "back.zip")
    assert seen(Tagger.load(folder(), tmp_path / "back.zip")) == seen(made)


def test_a_tag_merged_into_one_that_a_new_bundle_lacks_stays_under_its_name(tmp_path):
    write_folder(smaller(), tmp_path / "bundle")
    made = tagger()
    made.merge_tags("blue", "crimson")
    made.save(tmp_path / "mine.zip")
    assert counts(Tagger.load(tmp_path / "bundle", tmp_path / "mine.zip")) == {"green": (8, 0), "crimson": (8, 0)}


def test_lessons_of_two_users_merge_picture_by_picture(tmp_path):
    mine, theirs = started(), tagger()
    theirs.add_tag("Lemon")
    theirs.learn(pixels(YELLOW, 1), ["lemon", "green"])
    theirs.learn(pixels(YELLOW, 2), ["lemon"])
    theirs.merge_tags("crimson", "red")
    theirs.save(tmp_path / "theirs.zip")
    before = seen(mine)
    mine.merge_lessons(tmp_path / "theirs.zip")
    assert counts(mine) == {"blue": (8, 0), "green": (9, 1), "red": (19, 3), "lemon": (2, 2)}
    merged = seen(mine)
    mine.merge_lessons(str(tmp_path / "theirs.zip"))
    assert seen(mine) == merged
    mine.undo()
    assert seen(mine) == before


@pytest.mark.parametrize("damage", ["flipped", "cut", "other", "schema", "gone"])
def test_damaged_or_foreign_lessons_are_refused_and_change_nothing(tmp_path, damage):
    made, path = started(), tmp_path / "mine.zip"
    made.save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 9] ^= 4
    match damage:
        case "flipped":
            path.write_bytes(data)
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "other":
            write_zip(files(), path)
        case "schema":
            content = {"schema": 2, "lessons": []}
            write_zip({"lessons.json": json.dumps(content).encode()}, path)
        case _:
            path.unlink()
    before = seen(made)
    for call in (lambda: Tagger.load(folder(), path), lambda: made.merge_lessons(path)):
        with pytest.raises((LessonError, FileNotFoundError), match=r"mine\.zip"):
            call()
    assert seen(made) == before


def test_a_bundle_that_is_none_or_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing is"):
        Tagger.load(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        Tagger.load(tmp_path / "empty")


def test_a_picture_taught_to_a_bundle_of_another_input_size_still_counts_once_and_can_be_forgotten(tmp_path):
    made, image = tagger(), pixels("red", 1, 100)
    made.learn(image, ["red"])
    ((key, picture),) = made.lessons.pictures.items()
    larger = picture._replace(crop=lessons.encode_crop(image), embedding=np.zeros(7, np.float32), space="0" * 64)
    save_lessons(made.lessons._replace(pictures={key: larger}), {"red": "red"}, tmp_path / "larger.zip")
    loaded = Tagger.load(folder(), tmp_path / "larger.zip")
    loaded.learn(image, ["red"])
    assert counts(loaded)["red"] == counts(made)["red"]
    loaded.forget(image, ["red"])
    assert not loaded.lessons.pictures


def test_lessons_can_be_read_by_their_owner_only(tmp_path):
    started().save(tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").stat().st_mode & 0o777 == 0o600
