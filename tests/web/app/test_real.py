"""A user's way through the app, on real Tiny ImageNet and photographs of full size, with a network that ships."""

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from imagetagger.data.tiny_imagenet import open_archive, read_examples, read_tags
from imagetagger.tagger.tagger import Tagger
from tests.helpers.app import (
    browsed,
    choose,
    export_lessons,
    free_port,
    go,
    import_lessons,
    kept,
    look_at,
    needs_app,
    only,
    picture,
    served,
    squares,
    start,
    stored,
    tags_as_json,
    wait_until_offline,
)
from tests.helpers.web_pictures import pictures

pytestmark = needs_app
ROOT = Path(__file__).parents[1]
NEW = "golden retriever"
"""A tag of Tiny ImageNet that the bundle below does not know."""


@pytest.fixture(scope="module")
def bundle(real_zip, shared_weights, tmp_path_factory):
    """Thirty tags of Tiny ImageNet, whitened, int8."""
    folder = tmp_path_factory.mktemp("real")
    cut = [ROOT / "experiments" / "cut_folder.py", real_zip, folder / "pictures", "--tags", "30", "--per-tag", "60"]
    subprocess.run([sys.executable, *map(str, cut)], check=True)
    settings = (
        "+experiment=folder",
        f"data.path={folder / 'pictures'}",
        f"backbone.weights={shared_weights / 'mobilenet_v2_1.0_224_no_top.weights.h5'}",
        "export.onnx=false",
        f"hydra.run.dir={folder / 'run'}",
    )
    subprocess.run([sys.executable, "-m", "imagetagger.run", *settings], check=True, capture_output=True, cwd=folder)
    return folder / "run" / "bundle"


@pytest.fixture(scope="module")
def retrievers(real_zip):
    """Six pictures of the new tag."""
    archive = open_archive(real_zip)
    (wnid,) = [tag.id for tag in read_tags(archive) if tag.name == NEW]
    files = [example.file for example in read_examples(archive, "train") if example.wnid == wnid][:6]
    return [picture(f"rex{i}.jpg", archive.read(file), "image/jpeg") for i, file in enumerate(files)]


def photographs():
    """Photographs of half to twelve megapixels."""
    folder = Path(sklearn.datasets.__file__).parent / "images"
    found = [folder / "china.jpg", folder / "flower.jpg"]
    found.append(Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg")
    buffer = io.BytesIO()
    Image.open(found[1]).resize((4032, 3024)).save(buffer, "JPEG", quality=92)
    files = [picture(path.name, path.read_bytes(), "image/jpeg") for path in found]
    return [*files, picture("large.jpg", buffer.getvalue(), "image/jpeg")]


def tag_set(page) -> list[str]:
    """All tags that the picture's page shows, those it is less sure of included."""
    perhaps = page.get_by_role("list", name="Perhaps").locator(".clip").all_inner_texts()
    return [*kept(page), *perhaps]


def test_a_users_way_from_the_first_picture_to_python(playwright, bundle, retrievers, tmp_path):
    profile, lessons = tmp_path / "profile", tmp_path / "lessons.zip"
    with served(bundle, free_port()) as address, browsed(playwright, profile) as context:
        page = start(context, address)
        choose(page, [*photographs(), *retrievers], "10 pictures added")
        look_at(page, "rex0.jpg")
        assert "Rex" not in tag_set(page)
        only(page, "Rex")  # correct it, and teach a tag on the spot
        for i in range(1, 5):
            look_at(page, f"rex{i}.jpg")
            only(page, "Rex")
        look_at(page, "rex5.jpg")
        assert "Rex" in tag_set(page)  # it learned
        only(page, "Rex")
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Undone: Learned Rex from rex5.jpg").wait_for()
        assert stored(page, "rows")["user:rex"]["total"]["count"] == [5]
        go(page, "Tags")
        page.get_by_role("button", name="Rex").click()
        page.get_by_role("textbox", name="Name").fill("Rex the dog")
        page.get_by_role("button", name="Rename").click()
        page.get_by_text("Renamed to Rex the dog").wait_for()
        page.reload()
        look_at(page, "rex0.jpg")
        assert kept(page) == ["Rex the dog"]
        wait_until_offline(page)
        assert page.complaints == []

    with browsed(playwright, profile) as context:  # the server is gone, the browser starts cold
        page = start(context, address)
        look_at(page, "rex0.jpg")
        assert kept(page) == ["Rex the dog"]
        shown = {}
        for name in ("rex5.jpg", "china.jpg", "large.jpg", "grace_hopper.jpg"):
            look_at(page, name)
            shown[name] = tag_set(page)
        export_lessons(page, lessons)
        rows = {tag: row["total"] for tag, row in stored(page, "rows").items()}
        assert page.complaints == []

    with served(bundle, free_port()) as address, browsed(playwright, tmp_path / "other") as context:
        page = start(context, address)
        import_lessons(page, lessons)
        page.get_by_text("5 pictures and 1 tag imported", exact=True).wait_for()
        assert {tag: row["total"] for tag, row in stored(page, "rows").items()} == rows

    tagger = Tagger.load(bundle, lessons)
    mine = {tag: row.total for tag, row in tagger._state.rows.by_tag.items() if row.pictures}
    assert set(mine) == set(rows)
    for tag, row in mine.items():
        for part, value in row._asdict().items():
            np.testing.assert_allclose(rows[tag][part], value.ravel(), rtol=1e-6, atol=1e-6)
    for file in (*photographs(), *retrievers):
        if file["name"] in shown:
            assert sorted(shown[file["name"]]) == sorted(tag.name for tag in tagger.tag(file["buffer"]))


def test_500_pictures_of_all_formats_have_pythons_bytes_and_pythons_tags(playwright, bundle, tmp_path):
    """Four colours in a JPEG are up to each decoder: such pictures may differ by a grey level."""
    made = [one for one in pictures(520) if one.kind != "jpeg, cmyk"][:500]
    for one in made:
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / one.name).write_bytes(one.data)
    with served(bundle, free_port()) as address, browsed(playwright, tmp_path / "profile") as context:
        page = start(context, address)
        choose(page, sorted((tmp_path / "files").iterdir()), f"{len(made)} pictures added")
        said = {entry["picture"]: entry for entry in tags_as_json(page, tmp_path / "tags.json")}
        seen = squares(page, [entry["id"] for entry in said.values()])
    assert len(said) == len(made) == 500
    tagger = Tagger.load(bundle)
    for one in made:
        entry = said[one.name]
        square = np.asarray(Image.open(io.BytesIO(seen[entry["id"]])).convert("RGB"))
        np.testing.assert_array_equal(square, tagger.crop(one.data), one.name)
        expected = tagger.describe(one.data)
        assert [tag["id"] for tag in entry["suggested"]] == [tag.id for tag in expected.tags], one.name
        chances = [tag["probability"] for tag in entry["suggested"]]
        np.testing.assert_allclose(chances, [tag.probability for tag in expected.tags], atol=1e-4)
        assert entry["unknown"] == expected.unknown
