import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.bundle.executor import Rows, embed_image, lesson_row, merge_rows
from imagetagger.classifier.statistics import Statistics, merge_statistics, statistics_from_batch
from imagetagger.tagger.tagger import Tag, Tagger
from tests.helpers.precision import rounding
from tests.helpers.taught import CRIMSON, bundle, counts, doubtful, executor, folder, pixels, seen, tagger


def embedding(crop: np.ndarray) -> np.ndarray:
    return embed_image(executor(), crop)


def reference(taught: dict[tuple[int, int], np.ndarray]) -> Statistics:
    """The batch fit of what remains, merged with the bundle's rows."""
    expected = Statistics(*map(jnp.asarray, bundle().rows))
    if taught:
        x, labels = jnp.asarray(np.stack(list(taught.values()))), jnp.asarray([tag for _, tag in taught], jnp.int32)
        expected = merge_statistics(expected, statistics_from_batch(x, labels, len(expected.count)))
    return expected


def assert_close(count, mean, m2, expected: Statistics, merges: int) -> None:
    """Equal up to eight roundings per merge: m2 in norm to the pooled scatter, means to the pooled deviation."""
    np.testing.assert_array_equal(count, expected.count)
    scatter = np.asarray(expected.m2).sum(0)
    deviation = np.sqrt(scatter / np.asarray(expected.count).sum())
    assert np.linalg.norm(m2 - expected.m2) <= rounding(8 * merges) * np.linalg.norm(scatter)
    assert np.abs((mean - expected.mean) / deviation).max() <= rounding(8 * merges)


def shuffled_steps(steps: int, seed: int):
    """Learn and forget 60 pictures as 4 tags in any order: (picture, tag, weight) and what is taught after each."""
    rng = np.random.default_rng(seed)
    crops = [pixels(("blue", "green", "red", CRIMSON)[i % 4], i) for i in range(60)]
    embedded, taught = [embedding(crop) for crop in crops], {}
    for _ in range(steps):
        choice = (int(rng.integers(60)), int(rng.integers(4)))
        weight = -1 if choice in taught else 1
        if weight > 0:
            taught[choice] = embedded[choice[0]]
        else:
            del taught[choice]
        yield crops[choice[0]], embedded[choice[0]], choice[1], weight, taught


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_thousand_lessons_and_forgets_in_any_order_equal_the_batch_fit(seed):
    made, ids = tagger(), [label.id for label in bundle().labels]
    for step, (crop, _, tag, weight, taught) in enumerate(shuffled_steps(1000, seed)):
        (made.learn if weight > 0 else made.forget)(crop, [ids[tag]])
        if step % 100 == 99:
            rows = [row.total for row in made._state.rows.by_tag.values()]
            assert_close(*(np.concatenate(part) for part in zip(*rows, strict=True)), reference(taught), step + 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_thousand_merges_of_weight_one_and_minus_one_equal_the_batch_fit(seed):
    rows = [Rows(*(part[i : i + 1] for part in bundle().rows)) for i in range(4)]
    for step, (_, embedded, tag, weight, taught) in enumerate(shuffled_steps(1000, seed)):
        rows[tag] = merge_rows(executor(), rows[tag], lesson_row(embedded, weight))
        if step % 100 == 99:
            assert_close(*(np.concatenate(part) for part in zip(*rows, strict=True)), reference(taught), step + 1)


def test_whoever_tags_while_another_learns_sees_one_state_or_the_next():
    made, twin = tagger(), tagger()

    def change(learner: Tagger, i: int) -> None:
        if i % 4 == 3:
            learner.undo()
        else:
            learner.learn(pixels("red", i), ["red" if i % 2 else "crimson"])

    answers = [twin.tag(doubtful(), 4)]
    for i in range(60):
        change(twin, i)
        answers.append(twin.tag(doubtful(), 4))
    done = threading.Event()

    def ask() -> list[list[Tag]]:
        got = [made.tag(doubtful(), 4)]
        while not done.is_set():
            got.append(made.tag(doubtful(), 4))
            assert made.tags
        return got

    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(ask) for _ in range(4)]
        try:
            for i in range(60):
                change(made, i)
        finally:
            done.set()
        for asker in askers:
            assert all(answer in answers for answer in asker.result())
    assert made.tag(doubtful(), 4) == answers[-1]
    assert seen(made) == seen(twin)


def test_what_several_threads_teach_is_all_there():
    made = tagger()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: made.learn(pixels("red", i), ["red", "blue"]), range(40)))
    assert counts(made)["red"] == counts(made)["blue"] == (48, 40)
    for _ in range(40):
        made.undo()
    assert seen(made) == seen(tagger())


HEAVY = ["jax", "jaxlib", "tensorflow", "flax", "hydra", "omegaconf", "matplotlib", "tqdm", "requests", "platformdirs"]
HEAVY += ["onnxruntime"]
LIGHT = f"""
import sys
import numpy
from imagetagger import Tagger
made = Tagger.load(sys.argv[1])
made.learn(numpy.zeros((9, 9), numpy.uint8), ["red"])
made.tag(numpy.zeros((9, 9), numpy.uint8))
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_a_tagger_loads_nothing_heavy_to_tag_and_to_learn():
    command = [sys.executable, "-c", LIGHT, str(folder())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
