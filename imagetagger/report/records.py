"""What runs were made from, and whether that was the same for all."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from imagetagger.report.runs import Run


class Record(NamedTuple):
    """What a run was made from; digests shortened."""

    seed: str
    config: str
    revision: str
    data: str
    folder: str


def record(run: Run) -> Record:
    """Return what a run was made from."""
    result = run.result
    return Record(
        seed=str(result.get("seed")),
        config=result["config_digest"][:12],
        revision=revision(result.get("revision")),
        data=str(result["data"]["fingerprint"])[:12],
        folder=str(run.folder),
    )


def revision(told: dict[str, Any] | None) -> str:
    """Return the commit of the code in short.

    >>> revision({"commit": "0123456789abcdef", "changed": True}), revision(None)
    ('01234567 and changes', 'no checkout')
    """
    if not told:
        return "no checkout"
    return str(told.get("commit"))[:8] + " and changes" * bool(told.get("changed"))


def shared(runs: tuple[Run, ...]) -> dict[str, str]:
    """Return the packages that all runs have in the same version."""
    first = runs[0].result["versions"]
    same = {name for name in first if len({run.result["versions"].get(name) for run in runs}) == 1}
    return {name: version for name, version in first.items() if name in same and version}


def warnings(runs: tuple[Run, ...]) -> list[str]:
    """Return what may differ between runs besides their settings."""
    out = []
    if tuned := sum(run.settings.get("evaluate.split") == "tuning" for run in runs):
        which = "These runs" if tuned == len(runs) else f"{tuned} of {len(runs)} runs"
        out.append(f"{which} looked at pictures to tune on, not at validation: what is chosen by them looks too good.")
    code = Counter(revision(run.result.get("revision")) for run in runs)
    if len(code) > 1:
        out.append(f"The code differs: {_listed(code)}.")
    if changed := sum("changes" in revision(run.result.get("revision")) for run in runs):
        which = "These runs" if changed == len(runs) else f"{changed} of {len(runs)} runs"
        out.append(f"{which} came from code that differed from its commit, so that nobody can tell what it was.")
    packages = dict.fromkeys(name for run in runs for name in run.result["versions"])
    for name in packages:
        versions = Counter(str(run.result["versions"].get(name) or "none") for run in runs)
        if len(versions) > 1:
            out.append(f"The version of {name} differs: {_listed(versions)}.")
    machines = Counter(_machine(run.result.get("machine") or {}) for run in runs)
    if len(machines) > 1:
        out.append(f"The machine differs, so that seconds and rates do not compare: {_listed(machines)}.")
    prints = defaultdict(set)
    for run in runs:
        asked = {key: value for key, value in run.settings.items() if key.split(".")[0] in ("data", "seed")}
        prints[repr(asked)].add(run.result["data"]["fingerprint"])
    if any(len(found) > 1 for found in prints.values()):
        out.append("Pictures or tags changed between runs: the same settings of the data gave different data.")
    return out


def _machine(told: dict[str, Any]) -> str:
    return f"{told.get('processor')}, {told.get('cores')} cores, {told.get('system')}"


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} ({count} run{'s' * (count > 1)})" for name, count in counted.most_common())
