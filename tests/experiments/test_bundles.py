"""Studies and benchmarks of a bundle, on one that a shrunk run leaves."""

from dataclasses import asdict

import msgspec
import pytest

from experiments.benchmarks import bundle as bundle_benchmark
from experiments.common.bundles import refit
from experiments.common.tables import read_csv
from experiments.export import executions
from experiments.unlearning import run as unlearning
from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.reader import check_bundle
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.export import variants
from tests.experiments.data import tiny_imagenet_folder
from tests.helpers.bundles import WHITENED, bundle_files
from tests.helpers.composed import settings, shrunk, small_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_imagenet_folder(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def bundle(source, tmp_path_factory):
    """A float32 bundle with its ONNX models."""
    overrides = ("export=float32", *shrunk(), "export.onnx=true", f"data.path={source}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "TIMING_SECONDS", 0.05)
        output = run_experiment(settings("+experiment=tiny_imagenet", *overrides, "embed.measure_raw_rate=false"))
    assert output.bundle is not None
    folder = tmp_path_factory.mktemp("run") / "bundle"
    write_folder(output.bundle, folder)
    return folder


def test_executions_agree(source, bundle, capsys):
    executions.main([str(bundle), str(small_weights()), str(source), "--pictures", "6"])
    printed = capsys.readouterr().out
    assert "6 pictures, 1280 features, 3 tags; each beside LiteRT:" in printed
    for name in ("JAX", "ONNX Runtime"):
        (line,) = (line for line in printed.splitlines() if line.startswith(f"| {name} |"))
        difference, same_first, same_set = (cell.strip() for cell in line.split("|")[2:5])
        assert float(difference) < 1e-2
        assert same_first == same_set == "100.00 %"


def test_executions_refuse_a_bundle_of_other_weights(source, bundle, capsys):
    with pytest.raises(SystemExit):
        executions.main([str(bundle), "random", str(source)])
    assert "not the weights that the bundle was made from" in capsys.readouterr().err


def test_only_a_prior_of_the_statistics_of_a_bundle_is_fitted_again():
    bundle = check_bundle(bundle_files(*WHITENED))

    def made_with(reference):
        config = {"classifier": asdict(settings(*WHITENED).classifier)}
        provenance = {"config": config, "reference": reference}
        return bundle._replace(manifest=msgspec.structs.replace(bundle.manifest, provenance=provenance))

    assert refit(made_with(None)).mean.shape == bundle.rows.mean.shape
    with pytest.raises(ValueError, match=r"expected one of classifier\.reference=none"):
        refit(made_with({"sha256": "0" * 64, "strength": 5000.0}))


def test_the_benchmark_of_a_bundle_compares_and_times_it(source, bundle, monkeypatch, capsys):
    monkeypatch.setattr(bundle_benchmark, "SCORING_CALLS", 2)
    monkeypatch.setattr(bundle_benchmark, "LEARNING_CALLS", 2)
    bundle_benchmark.main([str(bundle), str(source), "--pictures", "6"])
    printed = capsys.readouterr().out
    assert "6 pictures, 1280 features: top-1 " in printed
    assert "same first prediction 100.00 %, same tag set 100.00 %" in printed
    assert "scoring 1000 tags " in printed


def test_unlearning(source, tmp_path, monkeypatch, capsys):
    for name, value in {"REPEATS": 2, "PICTURES": (1, 2), "TAUGHT": 8, "EVALUATED": 4, "LESSONS": 4}.items():
        monkeypatch.setattr(unlearning, name, value)
    write_folder(bundle_files(*WHITENED), tmp_path / "bundle")
    unlearning.main([str(source), str(tmp_path / "bundle"), "--out", str(tmp_path)])
    rows = read_csv(tmp_path / "results.csv")
    assert [(row["pictures"], row["repeat"]) for row in rows] == [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]
    errors = {key: max(float(row[key]) for row in rows if row["pictures"] == "2") for key in unlearning.HEADINGS}
    # Far below what a momentum rule leaves; absolute errors are large, as these pictures are far from all tags.
    assert max(errors["forgotten"], errors["half_forgotten"], errors["reordered"]) < errors["momentum_undone"] / 100
    assert "the rows are the same to the last bit, and 100.0 % of the predictions" in capsys.readouterr().out
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
