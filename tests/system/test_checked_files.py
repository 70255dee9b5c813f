import errno
import os
from pathlib import Path

import pytest

from imagetagger.system.checked_files import checksum, find_checked, read_checked, write_checked

DATA = bytes(range(256)) * 4


def test_what_was_written_is_found_again(tmp_path):
    path = write_checked(tmp_path / "models", "key-1.2", ".tflite", DATA)
    assert path == tmp_path / "models" / f"key-1.2-{checksum(DATA)}.tflite"
    assert read_checked(path) == find_checked(tmp_path / "models", "key-1.2", ".tflite") == DATA


@pytest.mark.parametrize("suffix", ["", ".tflite"])
def test_only_the_very_name_is_found(tmp_path, suffix):
    for name in ("key", "key-0a0a0a0a", "ke"):
        write_checked(tmp_path, name, suffix, name.encode())
    (tmp_path / f"key{suffix}").write_bytes(b"of an earlier version")
    assert find_checked(tmp_path, "key", suffix) == b"key"
    assert find_checked(tmp_path, "k", suffix) is None
    assert find_checked(tmp_path / "no folder", "key", suffix) is None


DAMAGES = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "zeros": lambda data: bytes(len(data)),
    "of the same size": lambda data: os.urandom(len(data)),
    **{f"bit {bit}": lambda data, bit=bit: flip(data, bit) for bit in range(0, 8 * len(DATA), 333)},
}


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_said_once_with_the_files_name_and_never_believed(damage, tmp_path, caplog):
    path = write_checked(tmp_path, "key", ".tflite", DATA)
    path.write_bytes(DAMAGES[damage](DATA))
    for _ in range(2):
        assert find_checked(tmp_path, "key", ".tflite") is None
    assert caplog.text.count(f"{path} is damaged") == 1
    assert write_checked(tmp_path, "key", ".tflite", DATA) == path
    assert find_checked(tmp_path, "key", ".tflite") == DATA


def test_a_sound_file_beside_a_damaged_one_is_found(tmp_path, caplog):
    damaged = tmp_path / f"key-{'0' * 8}.tflite"
    damaged.write_bytes(DATA)
    write_checked(tmp_path, "key", ".tflite", DATA)
    assert find_checked(tmp_path, "key", ".tflite") == DATA
    assert not damaged.exists()


def test_reading_marks_a_file_as_used(tmp_path):
    path = write_checked(tmp_path, "key", ".tflite", DATA)
    os.utime(path, (1, 1))
    read_checked(path)
    assert path.stat().st_mtime > 1e9


def test_a_file_that_cannot_be_opened_now_is_not_taken_for_damaged(tmp_path, monkeypatch):
    path = write_checked(tmp_path, "key", ".tflite", DATA)

    def exhausted(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", exhausted)
    with pytest.raises(OSError, match="Too many open files"):
        read_checked(path)
    assert path.exists()
