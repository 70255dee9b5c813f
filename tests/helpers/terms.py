"""The small bundle with broader terms of its tags, and score offsets as of a network's own classifier."""

import functools
import json

import numpy as np
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.executor import load_executor
from imagetagger.bundle.labels import Term
from imagetagger.bundle.reader import Bundle, check_bundle
from imagetagger.tagger.tagger import Tagger
from tests.helpers.sealing import reseal, with_statistics
from tests.helpers.taught import files

BROADER = {"blue": ("cold",), "green": ("cold", "earth", "plant"), "red": ("reddish",), "n01": ("reddish",)}
TERMS = (
    Term("colour", "colour", ("color",), (), True),
    Term("earth", "earth colour", (), ("colour",), True),
    Term("reddish", "reddish", ("shade of red",), ("earth",), True),
    Term("cold", "cold colour", (), ("colour",), True),
    Term("plant", "plant", (), (), False),
)
"""Of which `plant` is no everyday term."""

NO_OFFSET = (0.0, 0.0, 0.0, 0.0)


@functools.cache
def files_with_terms(offset: tuple[float, ...] = NO_OFFSET) -> dict[str, bytes]:
    """The files of the small bundle, sealed again; do not change them, copy them."""
    whole = files()
    labels = json.loads(whole["labels.json"])
    labels = [label | {"broader": BROADER[label["id"]]} for label in labels]
    terms = [{"id": t.id, "name": t.name, "synonyms": t.synonyms, "broader": t.broader, "everyday": t.everyday}
             for t in TERMS]  # fmt: skip
    tensors = load_tensors(whole["statistics.safetensors"]) | {"score_offset": np.array(offset, np.float32)}
    changed = {
        "labels.json": json.dumps(labels).encode(),
        "terms.json": json.dumps(terms).encode(),
        **with_statistics(whole, **tensors),
    }
    return reseal(whole, changed)


@functools.cache
def bundle_with_terms(offset: tuple[float, ...] = NO_OFFSET) -> Bundle:
    return check_bundle(files_with_terms(offset))


@functools.cache
def _executor(offset: tuple[float, ...]):
    return load_executor(files_with_terms(offset)["model.tflite"], bundle_with_terms(offset).manifest)


def tagger_with_terms(offset: tuple[float, ...] = NO_OFFSET) -> Tagger:
    return Tagger(bundle_with_terms(offset), _executor(offset))
