"""Files and folders that are there whole or not at all."""

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from samtok_bench.files import aside, cache_folder, folder_aside, whole_file, write_whole

context = multiprocessing.get_context("fork")


def test_readers_see_the_old_content_or_the_new(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, ZeroDivisionError])
def test_what_is_stopped_leaves_the_old_content(tmp_path, stopped):
    path = tmp_path / "page.html"
    path.write_bytes(b"old")

    def write():
        with whole_file(path) as file:
            file.write(b"half")
            raise stopped

    with pytest.raises(stopped):
        write()
    assert {found.name: found.read_bytes() for found in tmp_path.iterdir()} == {"page.html": b"old"}


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    path = tmp_path / "page.html"

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/page\.html'$"):
        write_whole(path, b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/none/page\.html'$"):
        write_whole(tmp_path / "none" / "page.html", b"x")


def test_a_mode_and_a_link_are_those_of_an_ordinary_file(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")
    (tmp_path / "link").symlink_to("target")
    for content in (b"first", b"second"):
        write_whole(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "target").read_bytes() == content
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_pipes_and_streams_are_written_as_they_are(tmp_path, capfd):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = context.Process(target=lambda: (tmp_path / "got").write_bytes(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"through")
    reader.join()
    assert (tmp_path / "got").read_bytes() == b"through"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["got", "pipe"]


def killed(work, ready) -> None:
    """Run `work` in a process and kill it once `ready`."""
    process = context.Process(target=work)
    process.start()
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_what_a_killed_writer_left_is_overwritten(tmp_path):
    path = tmp_path / "page.html"

    def write_for_ever():
        with whole_file(path) as file:
            file.write(b"half" * 100)
            file.flush()
            time.sleep(60)

    killed(write_for_ever, lambda: aside(path).exists() and aside(path).stat().st_size)
    assert not path.exists()
    write_whole(path, b"new")
    assert {found.name: found.read_bytes() for found in tmp_path.iterdir()} == {"page.html": b"new"}


def test_what_a_killed_writer_of_a_folder_left_is_removed(tmp_path):
    path = tmp_path / "copy"

    def write_for_ever():
        with folder_aside(path) as part:
            (part / "inner").mkdir()
            (part / "inner" / "half").write_bytes(b"")
            time.sleep(60)

    killed(write_for_ever, (aside(path) / "inner" / "half").exists)
    with folder_aside(path) as part:
        assert list(part.iterdir()) == []
        (part / "whole").write_bytes(b"")
        part.rename(path)
    assert [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*")] == ["copy", "copy/whole"]


def test_two_writers_follow_each_other(tmp_path):
    """Each of some processes writes 25 times; a reader never sees a mixture."""
    path = tmp_path / "page.html"
    write_whole(path, b"0" * 1000)

    def write(letter):
        for _ in range(25):
            with whole_file(path) as file:
                for _ in range(10):
                    file.write(letter * 100)
                    file.flush()

    processes = [context.Process(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        content = path.read_bytes()
        assert len(content) == 1000
        assert len(set(content)) == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]


def test_two_writers_of_a_folder_follow_each_other(tmp_path):
    path = tmp_path / "copy"

    def write():
        with folder_aside(path) as part:
            if path.exists():
                return
            for k in range(20):
                (part / str(k)).write_bytes(b"")
                time.sleep(0.002)
            part.rename(path)

    processes = [context.Process(target=write) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(list(path.iterdir())) == 20
    assert [found.name for found in tmp_path.iterdir()] == ["copy"]


@pytest.mark.parametrize(
    ("chosen", "xdg", "folder"),
    [
        ("/a", "/b", "/a"),
        ("", "/b", "/b/samtok-bench"),
        (None, "b", "/home/me/.cache/samtok-bench"),
        (None, None, "/home/me/.cache/samtok-bench"),
    ],
)
def test_the_cache(monkeypatch, chosen, xdg, folder):
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in (("SAMTOK_BENCH_CACHE", chosen), ("XDG_CACHE_HOME", xdg)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
