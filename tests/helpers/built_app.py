"""The files of a built app, small enough for tests; nothing in it runs."""

from pathlib import Path

WORKER = b"const list=self.__WB_MANIFEST;"
FILES = {
    "index.html": b"<!doctype html><title>app</title>" + b"<p>" * 500,
    "assets/index-B1x_9-Qa.js": b"export {};\n" * 100,
    "assets/index-D4f.css": b"body{}",
    "sw.js": WORKER,
    "litert/litert_wasm_internal.wasm": b"\0asm" + bytes(9000),
    "litert/litert_wasm_internal.js": b"var ModuleFactory;",
    "icon-192.png": b"\x89PNG",
    "manifest.webmanifest": b"{}",
    "licenses.txt": b"Apache License",
}


def built_app(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """Write the files as a built app and return its folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
