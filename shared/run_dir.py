"""The files of one running start script in ``run_dir``: lock, control socket, log."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import SettingsError
from .setting_names import refuse


class RunDir:
    """Where the supervisor of one role keeps its files.

    Args:
        path: setting ``run_dir``.
        role: ``gateway`` or ``business``; both may share a directory.
    """

    def __init__(self, path: str, role: str) -> None:
        # Absolute from the start: what stands in it must be found again whatever the process does.
        self.path = Path(path).absolute()
        self.role = role
        self.control = self.path / f"{role}.sock"
        self.log = self.path / f"{role}.log"
        self._lock = self.path / f"{role}.lock"

    def create(self) -> None:
        """Make the directory if it is not there. What stands in it is for this user only.

        Raises:
            SettingsError: it cannot be made or written to.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise refuse("run_dir", str(self.path), f"cannot be made: {exc.strerror}") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise refuse("run_dir", str(self.path), "cannot be written to")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only supervisor of this role in this directory.

        The kernel releases the lock with the process, so that no stale one has to be cleaned up.

        Raises:
            SettingsError: another one runs.
        """
        self.create()
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.read(descriptor, 20).decode().strip()
                raise SettingsError(
                    f"start_{self.role}.py already runs in {self.path} (pid {pid})"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def is_running(self) -> bool:
        """Whether a supervisor holds the lock."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
