"""Real file systems of a few megabytes, to be filled."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class SmallVolume:
    """A mounted file system."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Take all room but so many bytes, at once."""
        with self._filler.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(64 << 10)):
                    pass
            file.truncate(max(0, self._filler.stat().st_size - leaving))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()


@contextmanager
def small_volume(folder: Path, size: int = 24 * MIB) -> Iterator[SmallVolume]:
    """Mount a file system at `folder` for the context; needs to be root, as tests in CI are."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ("-o", f"size={size},mode=700")
    subprocess.run(["mount", "-t", "tmpfs", *options, "oxy-test-volume", str(folder)], check=True)
    try:
        yield SmallVolume(folder)
    finally:
        # Lazily: the runtime is killed after the test.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
