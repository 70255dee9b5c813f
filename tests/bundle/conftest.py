import pytest

from imagetagger.bundle.archive import write_zip
from imagetagger.bundle.strict_json import BundleError
from imagetagger.bundle.verify import verify_bundle
from tests.helpers.bundles import bundle_files
from tests.helpers.sealing import reseal


@pytest.fixture
def refused(tmp_path):
    """A function that verifies a bundle changed and sealed again, and returns why it was refused."""

    def why(changed=None, edit=lambda manifest: None, overrides=("export.onnx=false",)) -> str:
        write_zip(reseal(bundle_files(*overrides), changed, edit), tmp_path / "refused.zip")
        with pytest.raises(BundleError) as caught:
            verify_bundle(tmp_path / "refused.zip")
        message = str(caught.value)
        assert 10 < len(message) < 2000
        assert "\x1b" not in message
        return message

    return why
