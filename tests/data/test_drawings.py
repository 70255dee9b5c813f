import numpy as np
import pytest

from imagetagger.data.drawings import DRAWING_TAGS, draw_picture


def pixels(tag: str, seed: int, size: int = 96) -> np.ndarray:
    return np.asarray(draw_picture(tag, np.random.default_rng(seed), size))


def test_there_are_twelve_different_lower_case_tags():
    assert len(set(DRAWING_TAGS)) == len(DRAWING_TAGS) == 12
    assert all(tag.isalpha() and tag.islower() for tag in DRAWING_TAGS)


@pytest.mark.parametrize("tag", DRAWING_TAGS)
@pytest.mark.parametrize("size", [32, 96])
def test_every_tag_gives_an_rgb_picture_of_the_asked_size(tag, size):
    picture = draw_picture(tag, np.random.default_rng(0), size)
    assert picture.mode == "RGB"
    assert picture.size == (size, size)


@pytest.mark.parametrize("tag", DRAWING_TAGS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tag):
    assert pixels(tag, 0).tobytes() == pixels(tag, 0).tobytes()
    assert pixels(tag, 0).tobytes() != pixels(tag, 1).tobytes()


def test_one_generator_gives_a_new_picture_each_time():
    rng = np.random.default_rng(0)
    assert draw_picture("boat", rng).tobytes() != draw_picture("boat", rng).tobytes()


@pytest.mark.parametrize("tag", DRAWING_TAGS)
def test_pictures_of_one_tag_vary_by_far_more_than_their_grain(tag):
    pictures = np.stack([pixels(tag, seed, 32) for seed in range(12)]).astype(float)
    differences = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]]
    assert np.mean(differences) > 15
    assert min(differences) > 4


@pytest.mark.parametrize("tag", DRAWING_TAGS)
def test_no_picture_is_plain(tag):
    assert min(pixels(tag, seed, 32).std() for seed in range(12)) > 12


def test_an_unknown_tag_is_an_error_that_lists_the_valid_ones():
    with pytest.raises(ValueError, match="got tag='unicorn'") as error:
        draw_picture("unicorn", np.random.default_rng(0))
    assert all(tag in str(error.value) for tag in DRAWING_TAGS)
