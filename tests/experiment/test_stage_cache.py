import gc
import weakref

import pytest

from imagetagger.experiment.stage_cache import cached


class Large:
    """Something whose end can be seen."""


def never():
    raise AssertionError("was made again")


def test_what_was_made_of_an_equal_key_is_remembered_and_not_made_again():
    memory, first = {}, Large()
    assert cached(memory, "embed", ("a", 1), lambda: first) == (first, False)
    assert cached(memory, "embed", ("a", 1), never) == (first, True)


def test_another_key_takes_the_place_of_the_last():
    memory = {}
    for key in (1, 2, 1):
        assert cached(memory, "embed", key, lambda key=key: -key) == (-key, False)
    assert memory == {"embed": (1, -1)}


def test_stages_do_not_know_of_each_other():
    memory = {}
    cached(memory, "fit", 1, lambda: "fitted")
    assert cached(memory, "score", 1, lambda: "scored") == ("scored", False)
    assert cached(memory, "fit", 1, never) == ("fitted", True)


def test_without_a_memory_everything_is_made_anew():
    assert [cached(None, "embed", 1, Large)[1] for _ in range(2)] == [False, False]


def test_a_result_that_is_nothing_is_remembered_too():
    memory = {}
    cached(memory, "embed", None, lambda: None)
    assert cached(memory, "embed", None, never) == (None, True)


def test_the_last_result_is_let_go_before_the_next_one_is_made():
    memory, seen = {}, []
    cached(memory, "embed", 1, Large)
    last = weakref.ref(memory["embed"][1])

    def make():
        gc.collect()
        seen.append(last())

    cached(memory, "embed", 2, make)
    assert seen == [None]


def test_what_could_not_be_made_is_not_remembered_nor_is_what_was_there_before():
    memory = {}
    cached(memory, "embed", 1, lambda: "one")
    with pytest.raises(ZeroDivisionError):
        cached(memory, "embed", 2, lambda: 1 / 0)
    assert memory == {}
    assert cached(memory, "embed", 2, lambda: "two") == ("two", False)
