import os
import subprocess
import sys
import threading
import time

from imagetagger.system.stderr import silence_stderr


def target():
    return os.fstat(2).st_ino, os.fstat(2).st_dev


def test_what_is_written_inside_goes_nowhere_and_stderr_comes_back(capfd):
    with silence_stderr():
        os.write(2, b"chatter")
    os.write(2, b"news")
    assert capfd.readouterr().err == "news"


def test_threads_that_overlap_leave_stderr_as_it_was():
    before = target()

    def work(i):
        with silence_stderr():
            time.sleep(0.002 * (i % 3))

    for _ in range(20):
        threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert target() == before


def test_an_error_inside_leaves_stderr_as_it_was():
    before = target()
    try:
        with silence_stderr():
            raise KeyError
    except KeyError:
        pass
    assert target() == before


WITHOUT_STDERR = """
import os
from imagetagger.system.stderr import silence_stderr
os.close(2)
with silence_stderr():
    print("on")
"""


def test_a_process_without_stderr_goes_on():
    done = subprocess.run([sys.executable, "-c", WITHOUT_STDERR], stdout=subprocess.PIPE, text=True)
    assert done.stdout == "on\n"
