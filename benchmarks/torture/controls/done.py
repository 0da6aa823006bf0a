"""The notes that a control keeps of what it has done, as a careful program would: on disk."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from benchmarks.torture.controls.sender import try_again
from benchmarks.torture.controls.wishes import Wish, serve_each


class DoneNotes:
    """The keys of finished replies in one file; a key is on disk when `add` returns."""

    def __init__(self, folder: Path) -> None:
        """Read the notes of an earlier process, without a last line that was cut off."""
        self._path = folder / "done"
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        self._keys = {line[:-1] for line in text.splitlines(keepends=True) if line.endswith("\n")}

    def has(self, key: str) -> bool:
        """Return whether the reply of that key was noted as done."""
        return key in self._keys

    def add(self, key: str) -> None:
        """Note the reply of that key as done."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())

        self._keys.add(key)


def serve_noted(
    requests: TextIO,
    answers: TextIO,
    folder: Path,
    failpoint: Callable[[str], None],
    send: Callable[[Wish], None],
) -> None:
    """Send each wish that is not noted as done, trying again, and note it once it is."""
    done = DoneNotes(folder)

    def act(wish: Wish) -> bool:
        if done.has(wish.key):
            return True

        if not try_again(lambda: send(wish)):
            return False

        failpoint("before_save")
        done.add(wish.key)
        failpoint("after_save")
        return True

    serve_each(requests, answers, act)
