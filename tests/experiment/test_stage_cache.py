import gc
import weakref

import pytest

from imagetagger.config.schema import DataConfig
from imagetagger.experiment.stage_cache import StageRunner
from tests.helpers.composed import settings


class Large:
    """Something whose end can be seen."""


def never(*inputs, **settings):
    raise AssertionError("was made again")


def make_one(**settings):
    return 1


def test_a_stage_with_an_equal_key_is_taken_from_the_cache_and_not_run_again():
    cache = {}
    first = StageRunner(cache).run("embed", lambda **_: Large(), size=1)
    second_run = StageRunner(cache)
    assert second_run.run("embed", never, size=1).value is first.value
    assert second_run.records["embed"].cached


@pytest.mark.parametrize("size", [2, None, "1", 1.5])
def test_another_setting_runs_it_again_and_takes_the_place_of_the_last(size):
    cache = {}
    StageRunner(cache).run("embed", make_one, size=1)
    assert StageRunner(cache).run("embed", lambda size: size, size=size).value == size
    with pytest.raises(AssertionError, match="again"):
        StageRunner(cache).run("embed", never, size=1)


def test_another_input_runs_it_again_even_with_the_same_value():
    cache = {}
    run = StageRunner(cache)
    one, other = run.run("load", make_one, seed=1), StageRunner().run("load", make_one, seed=2)
    assert (one.value, one.key == other.key) == (other.value, False)
    run.run("fit", lambda x: x, one)
    assert StageRunner(cache).run("fit", never, one).value == 1
    with pytest.raises(AssertionError, match="again"):
        StageRunner(cache).run("fit", never, other)


def test_two_stages_of_one_function_and_equal_settings_differ_by_name():
    run = StageRunner({})
    assert run.run("embed", make_one, size=1).key != run.run("embed validation", make_one, size=1).key


def test_without_a_cache_everything_runs_again():
    run = StageRunner()
    assert (
        run.run("embed", lambda **_: Large(), size=1).value is not run.run("embed", lambda **_: Large(), size=1).value
    )
    assert not run.records["embed"].cached


def test_a_result_that_is_none_is_cached_too():
    cache = {}
    StageRunner(cache).run("embed", lambda: None)
    assert StageRunner(cache).run("embed", never).value is None


def test_the_last_result_is_released_before_the_next_one_is_made():
    cache, seen = {}, []
    StageRunner(cache).run("embed", lambda size: Large(), size=1)
    last = weakref.ref(cache["embed"].value)

    def make(size):
        gc.collect()
        seen.append(last())

    StageRunner(cache).run("embed", make, size=2)
    assert seen == [None]


def test_a_stage_that_fails_leaves_nothing():
    cache = {}
    StageRunner(cache).run("embed", make_one, size=1)
    with pytest.raises(ZeroDivisionError):
        StageRunner(cache).run("embed", lambda size: 1 / 0, size=2)
    assert cache == {}


def test_of_a_section_the_settings_that_a_function_has_parameters_for_are_passed():
    data = settings("data.per_class=7").data

    def subset(*, fraction, per_class, more):
        return fraction, per_class, more

    run = StageRunner()
    assert run.run("subset", subset, section=data, more=1).value == (None, 7, 1)
    assert run.run("subset", subset, section=data, more=1, per_class=3).value == (None, 3, 1)


@pytest.mark.parametrize("kind", [ValueError, FileNotFoundError])
def test_an_error_names_settings_as_users_know_them_and_keeps_its_kind(kind):
    def subset(*, per_class):
        raise kind(f"got per_class={per_class}, expected more than my_per_class=1 or data.per_class=2")

    with pytest.raises(kind, match=r"^got data\.per_class=3, .* my_per_class=1 or data\.per_class=2$"):
        StageRunner().run("subset", subset, section=DataConfig(per_class=3))


def test_an_error_of_the_system_stays_as_it_is():
    with pytest.raises(OSError, match="No space left") as caught:
        StageRunner().run("write", lambda: (_ for _ in ()).throw(OSError(28, "No space left")), section=DataConfig())
    assert caught.value.errno == 28


def test_a_record_has_seconds_and_the_rate_of_what_was_computed():
    cache = {}
    for is_cached in (False, True):
        run = StageRunner(cache)
        run.run("fit", make_one)
        run.annotate("fit", images=10)
        assert run.records["fit"].seconds >= 0
        assert (run.records["fit"].images_per_second is None) == is_cached
    run.annotate("fit", raw_images_per_second=5.0)
    assert run.records["fit"].raw_images_per_second == 5
