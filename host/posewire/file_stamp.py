"""Notice that files have changed."""

from pathlib import Path


class FileStamp:
    """The state of some files by inode, time and size. Its methods block."""

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._stamp = self._read()

    def changed(self) -> bool:
        """Return whether the files have changed since the last call, or since this was made.

        While one of them is missing they have not: it is being replaced, and will be back.
        """
        stamp = self._read()
        if stamp is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        return True

    def _read(self) -> list[tuple[int, int, int]] | None:
        try:
            stats = [file.stat() for file in self._files]
        except OSError:
            return None
        return [(stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats]
