"""A run's state: no kill loses it, no other run takes it up, and damage is named."""

import contextlib
import pathlib
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from pgm_lite.states import MARK, StateFolder

RUN = {"seed": 3, "rotary": (3.14, 0.1)}


class Killed(BaseException):
    """What a process that is killed does not live to see."""


class Reaper:
    """Kills at the ``moment``-th operation on the disk, before it or half-way through it.

    A dead process does nothing more: every later operation is killed as well.
    """

    def __init__(self, moment: int, half: bool, patch: pytest.MonkeyPatch) -> None:
        self.left, self.half = moment, half
        self.wrap(patch, shutil, "rmtree", lambda path, **_: (path / "a").unlink(missing_ok=True))
        self.wrap(patch, pathlib.Path, "rename", lambda *_: None)
        self.wrap(patch, pathlib.Path, "unlink", lambda *_, **__: None)
        self.wrap(patch, pathlib.Path, "write_text", lambda *_, **__: None, "{")

    def wrap(
        self, patch: pytest.MonkeyPatch, owner: object, name: str, halfway: Callable, text: str = ""
    ) -> None:
        real = getattr(owner, name)

        def operation(path: Path, *words: object, **how: object) -> object:
            self.left -= 1
            if self.left > 0:
                return real(path, *words, **how)
            if self.left == 0 and self.half:
                self.left -= 1
                if text:
                    path.write_bytes(text.encode())
                else:
                    with pytest.MonkeyPatch.context() as alive:
                        alive.setattr(pathlib.Path, "unlink", UNLINK)
                        halfway(path)
            raise Killed

        patch.setattr(owner, name, operation)


UNLINK = pathlib.Path.unlink


def write(version: int, path: Path) -> None:
    """A state of two files: whole where both say the same."""
    path.mkdir(exist_ok=True)
    for name in ("a", "b"):
        (path / name).write_text(str(version))


def resumed(folder: Path) -> int:
    """The version that a new process finds; 0 where there is none."""
    seen = [0]

    def read(path: Path) -> None:
        one, other = (int((path / name).read_text()) for name in ("a", "b"))
        assert one == other, "half of one state and half of another"
        seen.append(one)

    StateFolder(folder, RUN).resume(read)
    return seen[-1]


def deaths(folder: Path, version: int, half: bool) -> Iterator[Path]:
    """A copy of ``folder`` for every moment at which saving ``version`` can be killed."""
    for moment in count(1):
        copy = folder.parent / f"{folder.name}-{moment}{'h' if half else ''}"
        shutil.copytree(folder, copy)
        with pytest.MonkeyPatch.context() as patch:
            Reaper(moment, half, patch)
            try:
                StateFolder(copy, RUN).save(lambda path: write(version, path))
            except Killed:
                pass
            else:
                assert moment > 5, "every operation of a save is a moment to die at"
                return
        yield copy


@pytest.mark.parametrize("half", [False, True])
def test_no_kill_loses_a_state_not_even_two_in_a_row(half: bool, tmp_path: Path) -> None:
    start = tmp_path / "s"
    for version in (1, 2):
        start.mkdir(exist_ok=True)
        StateFolder(start, RUN).save(lambda path, version=version: write(version, path))
    for once in deaths(start, 3, half):
        found = resumed(once)
        assert found in (2, 3)
        for twice in deaths(once, 4, half):
            again = resumed(twice)
            assert again in (found, 4)
            StateFolder(twice, RUN).save(lambda path: write(5, path))
            assert resumed(twice) == 5


@pytest.mark.parametrize("half", [False, True])
def test_a_kill_in_the_first_save_of_all_starts_anew(half: bool, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for moment in range(1, 12):
        folder = tmp_path / f"first-{moment}"
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            Reaper(moment, half, patch)
            with contextlib.suppress(Killed):
                StateFolder(folder, RUN).save(lambda path: write(1, path))
        assert resumed(folder) in (0, 1)
        StateFolder(folder, RUN).save(lambda path: write(2, path))
        assert resumed(folder) == 2


def test_a_damaged_state_gives_way_to_the_one_before_it(tmp_path: Path) -> None:
    for version in (1, 2):
        StateFolder(tmp_path, RUN).save(lambda path, version=version: write(version, path))
    (tmp_path / "state/b").write_text("")
    with pytest.warns(
        UserWarning, match=r"state is damaged \(ValueError: .*going on from state.old"
    ):
        assert resumed(tmp_path) == 1
    (tmp_path / "state.old/a").unlink()
    says = (
        r"state is damaged .*; .*state.old is damaged .*; delete .* to start anew, or name another"
    )
    with pytest.raises(ValueError, match=says):
        resumed(tmp_path)


def test_another_runs_state_is_refused(tmp_path: Path) -> None:
    StateFolder(tmp_path, RUN).save(lambda path: write(1, path))
    with pytest.raises(
        ValueError, match="another run: seed was 3 and is 4; run again with the opt"
    ):
        StateFolder(tmp_path, RUN | {"seed": 4}).resume(lambda _: None)
    assert resumed(tmp_path) == 1, "a refused state stays"


def test_a_state_that_does_not_say_whose_it_is_is_taken_up(tmp_path: Path) -> None:
    write(7, tmp_path / "state")
    assert resumed(tmp_path) == 7
    StateFolder(tmp_path, RUN).save(lambda path: write(8, path))
    assert (tmp_path / "state" / MARK).exists()
