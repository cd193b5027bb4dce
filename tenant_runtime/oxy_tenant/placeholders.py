"""Keeps out of memory what libraries import and a pod never uses."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

UNUSED: Final = (
    # prometheus_client serves and pushes metrics over HTTP. Here `oxy_core.probes` serves them.
    "http.server",
    "urllib.request",
    "wsgiref.simple_server",
    # structlog raises an error of pickle's, importlib.metadata reads packages in archives, models describe themselves.
    "pickle",
    "pydantic.json_schema",
    "zipfile",
)
"""Together with what they import themselves: 2 MiB."""


class _Placeholder(ModuleType):
    """Has whatever is imported from it: an empty class of that name, which may be derived from."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextmanager
def placeholders(*modules: str) -> Iterator[None]:
    """Put empty modules in the place of `modules` while the context lasts, but for those that are loaded already.

    Whoever imports one of them afterwards gets the real one. What was imported meanwhile keeps the empty classes.
    """
    absent = {name: _Placeholder(name) for name in modules if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
