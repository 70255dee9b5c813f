import pytest

from imagetagger.config.digest import IGNORED_SETTINGS, config_digest
from tests.helpers.composed import settings


def test_the_digest_ignores_settings_that_change_no_result():
    digest = config_digest(settings())
    assert len(digest) == 64
    assert set(IGNORED_SETTINGS) == {"cache", "cache_limit", "force", "optimized_metric", "track", "track_to"}
    changed = ["cache=/elsewhere", "cache_limit=1", "force=true", "optimized_metric=ece", "track=mlflow", "track_to=x"]
    assert config_digest(settings(*changed)) == digest


@pytest.mark.parametrize("override", ["seed=1", "classifier=gnb", "calibrate.coverage=0.8", "export=int8"])
def test_any_other_setting_changes_the_digest(override):
    assert config_digest(settings(override)) != config_digest(settings())


def test_settings_that_cannot_be_parsed_have_a_digest_too():
    assert config_digest({"b": 1, "a": [2]}) == config_digest({"a": [2], "b": 1}) != config_digest({"a": [1], "b": 2})
