"""Room on the disk that is held for the last words of what is under way when the disk is full.

Once the disk is full, SQLite can write nothing at all, not even a state: its log cannot grow, and
cannot begin anew because the pages in it do not fit into the file either (measured). What a desk
has answered by then is worth more than any new action.
"""

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

RESERVE_BYTES = 4 * 1024 * 1024
"""Enough for 200 settled actions that are committed one by one (measured: about 20 kB each)."""

_PIECE = 64 * 1024
_CANNOT = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # posix_fallocate(3)


class Reserve:
    """A file without a name beside the database: it is gone with its process, whatever ends it."""

    def __init__(self, folder: Path, size: int) -> None:
        """Hold `size` bytes of the disk that `folder` is on, or none if it is full already.

        Raises:
            OSError: no file can be made in that folder.
        """
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close`
        self._folder = folder
        self._size = size
        self._held = False
        self.fill()

    @property
    def held(self) -> bool:
        """Return whether the room is held."""
        return self._held

    def on_disk_bytes(self) -> int:
        """Return how much of the disk it takes."""
        return os.fstat(self._file.fileno()).st_blocks * 512  # POSIX counts in these, always

    def fill(self) -> bool:
        """Hold the room again if it is free twice; say whether it is held.

        Once is not enough: it may be the very room that was given up for what is under way.
        """
        if not self._held:
            self._held = self._allocate(2 * self._size)
            taken = os.fstat(self._file.fileno()).st_size
            self._file.truncate(min(self._size, taken) if self._held else 0)

        return self._held

    def spend(self) -> bool:
        """Give the room to whoever writes next; say whether there was any to give."""
        held, self._held = self._held, False
        self._file.truncate(0)
        return held

    def close(self) -> None:
        """Give up the room for good."""
        self._file.close()

    def _allocate(self, size: int) -> bool:
        """Make the file take that much of the disk; say whether there is so much.

        Where no file may be so large, there is nothing to hold and nothing to wait for.
        """
        try:
            if shutil.disk_usage(self._folder).free < size:
                return False  # asked first, for a file system may fill itself before it refuses

            _fallocate(self._file.fileno(), size)
        except OSError as error:
            return error.errno not in (errno.ENOSPC, errno.EDQUOT)

        return True


def _fallocate(file: int, size: int) -> None:
    """Give the file that many bytes of the disk, by writing them where there is no other way.

    Raises:
        OSError: there is no room, or no file may be so large.
    """
    if sys.platform == "linux":
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        else:
            return

    os.lseek(file, 0, os.SEEK_SET)

    for _ in range(0, size, _PIECE):
        os.write(file, bytes(_PIECE))
