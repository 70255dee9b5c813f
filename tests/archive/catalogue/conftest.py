import pytest

from imagetagger.archive.catalogue.database import open_catalogue


@pytest.fixture
def catalogue(tmp_path):
    with open_catalogue(tmp_path / "archive.sqlite") as opened:
        yield opened
