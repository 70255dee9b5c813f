"""From a composed Hydra config to the dataclasses of an experiment, every key, type, choice and range checked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from imagetagger.config.schema import Experiment
from imagetagger.options import VARIANTS

RENAMED = {
    "objective": "optimized_metric",
    "rerun": "force",
    "data.calibration_fraction": "data.holdout_fraction",
    "classifier.spread": "classifier.within_class_weight",
    "classifier.kappa": "classifier.variance_prior_strength",
    "classifier.smoothing": "classifier.var_smoothing",
    "classifier.isotropy": "classifier.isotropic_prior_strength",
    "classifier.mean_floor": "classifier.mean_variance_floor",
    "calibrate.knots": "calibrate.calibration_bins",
    "calibrate.rule": "calibrate.prediction_set",
    "calibrate.adapt_rate": "calibrate.aci_step_size",
    "calibrate.unknown_rate": "calibrate.novelty_fpr",
    "evaluate.bootstrap": "evaluate.bootstrap_resamples",
    "export.ship": "export.bundle_variant",
    "export.gate_pictures": "export.strict_parity_pictures",
}
"""Settings of earlier versions, and what they are called now."""


class ConfigError(ValueError):
    """A setting that is unknown, missing, of the wrong type or out of range."""


def from_hydra(config: DictConfig) -> Experiment:
    """Turn a composed config into the dataclasses, checking every key, type, choice and range.

    Raises:
        ConfigError: lists what was got, what was expected and the valid choices.
    """
    schema = OmegaConf.structured(Experiment)
    sections = [f.name for f in fields(Experiment) if is_dataclass(f.type)]
    for section in sections:
        OmegaConf.set_readonly(schema[section], False)  # frozen dataclasses make it so, also for the merge
    OmegaConf.set_readonly(schema, False)
    try:
        composed: Any = OmegaConf.to_container(config, resolve=True)
        hints = [hint for key in _leaves(composed) if (hint := explain_key(key))]
        hints += [
            f"{section}: got {composed[section]}, expected keys below it, as in {section}.KEY=..."
            for section in sections
            if not isinstance(composed.get(section, {}), dict)
        ]
        if hints:
            raise ConfigError("\n".join(hints))
        merged = OmegaConf.merge(schema, config)
        if missing := sorted(OmegaConf.missing_keys(merged)):
            raise ConfigError("\n".join(f"{key} is required: add {key}=... to the command" for key in missing))
        settings = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = error.full_key or "config"
        raise ConfigError(f"{key}: {str(error.msg or error).splitlines()[0]} (expected {_expected(key)})") from error
    assert isinstance(settings, Experiment)
    problems = list(_problems(settings))
    data = settings.data
    if data.fraction is not None and data.per_class is not None:
        problems.append(
            f"got data.fraction={data.fraction} and data.per_class={data.per_class}: set one of them to null"
        )
    if (bundled := settings.export.bundle_variant) in VARIANTS and bundled not in settings.export.variants:
        evaluated = ", ".join(settings.export.variants) or "none"
        problems.append(f"export.bundle_variant: got {bundled}, expected one of export.variants ({evaluated}), or null")
    if settings.evaluate.split == "tuning" and bundled:
        problems.append(
            f"export.bundle_variant: got {bundled}, expected null with evaluate.split=tuning, which must not look at "
            "validation pictures: set export=none"
        )
    if bundled and (settings.embed.runtime == "jax" or settings.embed.dtype != "float32"):
        problems.append(
            f"got embed.runtime={settings.embed.runtime} and embed.dtype={settings.embed.dtype} with a bundle, whose "
            "model embeds the pictures in LiteRT: expected auto and float32, or export=none"
        )
    problems += _training_problems(settings)
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def _training_problems(s: Experiment) -> Iterator[str]:
    """Yield what does not go together with fine-tuning."""
    blocks = s.training.blocks
    if blocks is None:
        return
    if blocks != "all" and not (blocks.isascii() and blocks.isdecimal() and int(blocks)):
        yield f"training.blocks: got {blocks}, expected a number of blocks from 1, all, or null"
    if s.evaluate.split == "out_of_fold":
        yield (
            f"training.blocks: got {blocks} with evaluate.split=out_of_fold, which evaluates the pictures that the "
            "network is trained on: expected evaluate.split=validation"
        )
    if s.classifier.source == "head":
        yield f"training.blocks: got {blocks} with classifier.source=head, which fits nothing: expected source=pictures"
    if s.training.gaussian_weight and not (s.classifier.transform == "whitened" and s.classifier.unit_length):
        yield (
            f"training.gaussian_weight: got {s.training.gaussian_weight} with classifier.transform="
            f"{s.classifier.transform}, expected classifier=whitened, or 0"
        )
    if not s.data.holdout_fraction:
        yield "data.holdout_fraction: got 0 with training.blocks, which calibrates on pictures held out: expected more"


def explain_key(key: str) -> str | None:
    """What is wrong with a dotted key, and the valid ones; None if it is a setting."""
    if key in RENAMED:
        return f"{key}: this setting is now called {RENAMED[key]}"
    node: Any = Experiment
    prefix = ""
    for part in key.split("."):
        names = [f.name for f in fields(node)] if is_dataclass(node) else []
        if part not in names:
            close = get_close_matches(part, names, 1)
            guess = f" Did you mean {prefix}{close[0]}?" if close else ""
            valid = f"valid keys here: {', '.join(names)}" if names else f"{prefix.rstrip('.')} has no keys"
            return f"{key}: unknown setting; {valid}.{guess}"
        node, prefix = get_type_hints(node)[part], f"{prefix}{part}."
    return None


def explain_overrides(overrides: Iterable[str]) -> list[str]:
    """What is wrong with the keys of Hydra overrides such as `data.path=x`; Hydra does not list the valid ones.

    >>> explain_overrides(["+experiment=quickstart", "seed=1", "data=folder"])
    []
    """
    keys = [o.split("=", 1)[0].lstrip("+~") for o in overrides if "=" in o and not o.startswith("-")]
    ours = [
        key for key in keys if key != "hydra" and not key.startswith("hydra.") and "/" not in key and "@" not in key
    ]
    return [hint for key in ours if (hint := explain_key(key))]


def _leaves(node: dict[str, Any], prefix: str = "") -> list[str]:
    nested = ((f"{prefix}{key}", value) for key, value in node.items())
    return [key for path, value in nested for key in (_leaves(value, f"{path}.") if _nests(value) else [path])]


def _nests(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _expected(key: str) -> str:
    node: Any = Experiment
    metadata: Mapping[str, Any] = {}
    for part in key.split("."):
        metadata = next((f.metadata for f in fields(node) if f.name == part), {}) if is_dataclass(node) else {}
        node = get_type_hints(node).get(part, Any)
    if choices := metadata.get("choices"):
        listed = ", ".join("null" if choice is None else choice for choice in choices)
        return f"some of {listed}, as in [{choices[0]}]" if get_origin(node) is list else f"one of {listed}"
    kind = getattr(node, "__name__", str(node)) if isinstance(node, type) else str(node).replace("None", "null")
    if "range" not in metadata:
        return kind
    low, high = metadata["range"]
    return f"{kind} in {low:.10g} .. {high:.10g}"


def _problems(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield what is outside its field's choices or range."""
    for field in fields(node):
        key, value = f"{prefix}{field.name}", getattr(node, field.name)
        if is_dataclass(value):
            yield from _problems(value, f"{key}.")
            continue
        for item in value if isinstance(value, list) else [value]:
            if not _is_allowed(item, field.metadata):
                yield f"{key}: got {item}, expected {_expected(key)}"
                break


def _is_allowed(value: Any, metadata: Mapping[str, Any]) -> bool:
    if value is None:
        return True
    if "choices" in metadata:
        return value in metadata["choices"]
    if "range" not in metadata:
        return True
    low, high = metadata["range"]
    return low <= value <= high
