"""Pictures with sidecars, for tests of keywords, and what other programs read in them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from imagetagger.archive.keywords import MachineTag, SidecarChange, apply_change
from tests.helpers.pictures import encode, noisy

CASES = Path(__file__).parents[1] / "archive" / "cases"
LAYOUTS = ("digikam.jpg.xmp", "lightroom.xmp", "darktable.jpg.xmp", "exiftool.xmp")
"""Names of the sidecars of photo managers."""

needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
needs_exiv2 = pytest.mark.skipif(not shutil.which("exiv2"), reason="exiv2 is not installed")

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
JPEG = encode(noisy((120, 90, 60), 0, (8, 8)), "JPEG")


def tag(*keyword: str, probability: float = 0.9, bundle: str = "b1", written: str = "2026-01-02T03:04:05Z"):
    return MachineTag(keyword, probability, bundle, written)


FINCH = tag("animal", "bird", "goldfinch", probability=0.93)
BAND = tag("AC/DC", probability=0.5)


def make_picture(folder: Path, name: str = "a.jpg", sidecar: str | bytes | None = None, suffix: str = ".xmp") -> Path:
    """A picture, with a sidecar of these contents."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / name
    picture.write_bytes(JPEG)
    if sidecar is not None:
        data = sidecar.encode() if isinstance(sidecar, str) else sidecar
        picture.with_name(name + suffix).write_bytes(data)
    return picture


def layout(folder: Path, name: str) -> tuple[Path, Path]:
    """A picture, and its sidecar of one of the layouts of photo managers."""
    stem = name.partition(".")[0]
    picture = make_picture(folder, f"{stem}.jpg")
    return picture, Path(shutil.copy(CASES / name, folder / name))


def xmp(body: str, attributes: str = "") -> str:
    """A document with one resource."""
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        f'<rdf:Description rdf:about="" {declared} {attributes}>\n{body}\n</rdf:Description>\n</rdf:RDF></x:xmpmeta>'
    )


def bag(field: str, *values: str, kind: str = "Bag") -> str:
    """A field with a list of values."""
    items = "".join(f"\n    <rdf:li>{value}</rdf:li>" for value in values)
    return f"  <{field}>\n   <rdf:{kind}>{items}\n   </rdf:{kind}>\n  </{field}>"


def applied(change: SidecarChange) -> SidecarChange:
    """A change, after it is carried out."""
    apply_change(change)
    assert (change.path.read_bytes() if change.path.exists() else None) == change.after
    return change


def exiftool_reads(path: Path) -> dict[str, object]:
    """All that exiftool finds in a file, but for the file's own name, size and times."""
    command = ["exiftool", "-j", "-G1", "-struct", "-a", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (found,) = json.loads(done.stdout)
    return {name: value for name, value in found.items() if not name.startswith(("SourceFile", "ExifTool:", "System:"))}


def exiv2_reads(path: Path) -> list[str]:
    """All that exiv2 finds in a sidecar."""
    done = subprocess.run(["exiv2", "-pa", str(path)], capture_output=True, text=True)
    return sorted(done.stdout.splitlines())


def run_tool(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
