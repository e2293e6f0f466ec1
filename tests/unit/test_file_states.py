"""The states of files: which changes they show, and which they do not."""

import os

import pytest

from soulbench.core import file_states
from soulbench.core.file_states import ABSENT, file_state, folder_state


@pytest.fixture(autouse=True)
def uncached():
    """Forget the states after each look, as the next start of the workflow does."""
    file_state.cache_clear()
    folder_state.cache_clear()


def states(function, path, *changes):
    """Return the state before and after each change."""
    found = [function(path)]
    for change in changes:
        change()
        function.cache_clear()
        found.append(function(path))
    return found


def test_the_bytes_of_a_small_file_are_its_state(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    before, touched, edited, older, gone = states(
        file_state,
        path,
        lambda: os.utime(path, (1, 1)),
        lambda: path.write_text("two"),
        lambda: os.utime(path, (1, 1)),
        path.unlink,
    )
    assert before == touched != edited == older
    assert gone == ABSENT == file_state(None) == file_state(tmp_path)


def test_size_and_time_are_the_state_of_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(file_states, "HASHED", 2)
    path = tmp_path / "a"
    path.write_text("one")
    found = states(file_state, path, lambda: os.utime(path, (1, 1)), lambda: os.truncate(path, 9))
    assert len(set(found)) == 3


def test_any_photograph_changes_the_state_of_their_folder(tmp_path):
    path = tmp_path / "VG_100K" / "1.jpg"
    path.parent.mkdir()
    path.write_bytes(b"1")
    found = states(
        folder_state,
        tmp_path,
        lambda: os.utime(path, ns=(1, 1)),
        lambda: os.utime(path, ns=(1, 2)),  # a nanosecond later
        lambda: os.truncate(path, 9),
        lambda: path.with_name("2.jpg").touch(),
        lambda: path.with_name("3.jpg").symlink_to("absent"),
        lambda: path.rename(path.with_name("4.jpg")),
        lambda: path.parent.rename(tmp_path / "VG_100K_2"),
    )
    assert len(set(found)) == len(found)


def test_hidden_files_and_an_absent_folder(tmp_path):
    (tmp_path / "VG_100K").mkdir()
    assert folder_state(tmp_path) == folder_state(tmp_path / "absent")
    before, after = states(folder_state, tmp_path, (tmp_path / "VG_100K" / ".DS_Store").touch)
    assert before == after
