"""Why the operating system refused something, in words instead of numbers."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oxy_simulator.errors import SetupError

_REASONS: Final = {
    errno.EACCES: "this user may not do that",
    errno.EPERM: "this user may not do that",
    errno.EROFS: "it is on a read-only file system",
    errno.ENOENT: "it does not exist",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EEXIST: "it is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "the file may not grow further (ulimit -f)",
    errno.EDQUOT: "the disk quota is used up",
    errno.EMFILE: "this process has too many open files (ulimit -n)",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its symbolic links lead in a circle",
}

_OWN_ADDRESSES: Final = "take 127.0.0.1, 0.0.0.0 for every address of this machine, or one of them (ip address)"


def reason(error: OSError) -> str:
    """Explain a file's error in words."""
    known = _REASONS.get(error.errno or 0)
    if known is None:
        return error.strerror or str(error)
    return f"{known} (user id {os.geteuid()})" if error.errno in {errno.EACCES, errno.EPERM} else known


@contextmanager
def explaining(what: str, path: Path, remedy: str) -> Iterator[None]:
    """Turn errors about a file or folder into SetupError: what it is for, why it cannot be used, what to do."""
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) and error.filename != str(path) else None
        where = f"{path} cannot be used: {named}: " if named else f"{path} cannot be used: "
        msg = f"{what} {where}{reason(error)}; {remedy}"
        raise SetupError(msg) from error


def listening(host: str, port: int, error: OSError | ValueError, option: str) -> str:
    """Explain why an address cannot be listened on; `option` is what chooses the port."""
    at = f"cannot listen on {host}:{port}: "
    if isinstance(error, (socket.gaierror, ValueError)):
        return f"{at}{host!r} is neither an address nor a name that is known here; {_OWN_ADDRESSES}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{at}{host} is no address of this machine; {_OWN_ADDRESSES}"
    if error.errno == errno.EADDRINUSE:
        return f"{at}another program has that port; stop it, or take another port with {option} (0 takes a free one)"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{at}{reason(error)}; take a port from 1024 on with {option}, or 0 for a free one"
    return f"{at}{error.strerror or error}; take another port with {option} (0 takes a free one), or another address"
