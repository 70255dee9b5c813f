"""Code, data and machine of each run, and whether they are the same for all."""

from collections import Counter, defaultdict
from typing import NamedTuple

from imagetagger.experiment.record import Machine, Revision
from imagetagger.report.comparison.runs import Run


class Provenance(NamedTuple):
    """The origin of a run; digests shortened."""

    seed: str
    variant: str
    config: str
    revision: str
    data: str
    folder: str


def run_provenance(run: Run) -> Provenance:
    """The origin of a run."""
    record = run.record
    return Provenance(
        seed=str(record.seed),
        variant=record.variant,
        config=record.config_digest[:12],
        revision=short_revision(record.revision),
        data=record.data.fingerprint[:12],
        folder=str(run.folder),
    )


def short_revision(revision: Revision | None) -> str:
    """The commit of the code in short.

    >>> short_revision(Revision("0123456789abcdef", changed=True)), short_revision(None)
    ('01234567 and changes', 'no checkout')
    """
    return f"{revision.commit[:8]}{' and changes' * revision.changed}" if revision else "no checkout"


def shared_versions(runs: tuple[Run, ...]) -> dict[str, str]:
    """The packages that all runs have in the same version."""
    first, *others = [run.record.versions for run in runs]
    return {name: version for name, version in first.items() if version and all(o.get(name) == version for o in others)}


def comparability_warnings(runs: tuple[Run, ...]) -> list[str]:
    """Differences between runs besides their settings."""
    warnings = []
    if tuned := sum(run.settings.get("evaluate.split") == "tuning" for run in runs):
        warnings.append(
            f"{_which(tuned, runs)} used pictures for tuning, not validation: the best of them looks too good."
        )
    records = [run.record for run in runs]
    if len(variants := Counter(record.variant for record in records)) > 1:
        warnings.append(f"The variant differs: {_listed(variants)}.")
    if len(code := Counter(short_revision(record.revision) for record in records)) > 1:
        warnings.append(f"The code differs: {_listed(code)}.")
    if changed := sum(record.revision is not None and record.revision.changed for record in records):
        warnings.append(f"{_which(changed, runs)} had code that differed from its commit: it cannot be restored.")
    for name in dict.fromkeys(name for record in records for name in record.versions):
        versions = Counter(record.versions.get(name) or "none" for record in records)
        if len(versions) > 1:
            warnings.append(f"The version of {name} differs: {_listed(versions)}.")
    if len(machines := Counter(_machine_text(record.machine) for record in records)) > 1:
        warnings.append(f"The machine differs, so seconds and rates do not compare: {_listed(machines)}.")
    fingerprints = defaultdict(set)
    for run in runs:
        of_data = {key: value for key, value in run.settings.items() if key.split(".")[0] in ("data", "seed")}
        fingerprints[repr(of_data)].add(run.record.data.fingerprint)
    if any(len(different) > 1 for different in fingerprints.values()):
        warnings.append("Pictures or tags changed between runs: the same data settings gave different data.")
    return warnings


def _which(count: int, runs: tuple[Run, ...]) -> str:
    return "These runs" if count == len(runs) else f"{count} of {len(runs)} runs"


def _machine_text(machine: Machine) -> str:
    return f"{machine.processor}, {machine.cores} cores, {machine.system}"


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} ({count} run{'s' * (count > 1)})" for name, count in counted.most_common())
