"""Loads the parts of neonize that the runtime uses, and no others.

``import neonize`` pulls in an HTTP client, an HTML parser, an image library and libmagic, and configures logging. Its
binding (``neonize._binder``) and its messages (``neonize.proto``) need none of that, so the package and its ``utils``
are registered without running their ``__init__``. ``neonize.download``, which would fetch native code from the
internet, is replaced by one that refuses: a pod runs the library in its image.
"""

import importlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final, NoReturn, TypeAlias

from google.protobuf.internal import api_implementation

from oxy_tenant.links.errors import LinkError
from oxy_tenant.placeholders import placeholders

Untyped: TypeAlias = Any
"""An object of neonize, which ships no types."""

_BARE: Final = ("neonize", "neonize.utils")


@dataclass(frozen=True, slots=True)
class Library:
    """neonize's binding and the modules of its messages."""

    binder: Untyped
    envelopes: Untyped
    """``Neonize_pb2``: events and arguments of the binding."""
    messages: Untyped
    """``WAWebProtobufsE2E_pb2``: the content of WhatsApp messages."""
    companion: Untyped
    """``WAWebProtobufsCompanionReg_pb2``: how this device introduces itself."""


def _refuse_download() -> NoReturn:
    message = "neonize's native library is not in this image; install the neonize wheel for this platform"
    raise LinkError(message)


def _register_bare(name: str) -> None:
    spec = find_spec(name)
    if spec is None:
        message = f"{name} is not installed; install the extra `tenant`"
        raise LinkError(message)
    sys.modules[name] = module_from_spec(spec)


def _register_download() -> None:
    module = ModuleType("neonize.download")
    module.__spec__ = ModuleSpec("neonize.download", None)
    vars(module).update({"__GONEONIZE_VERSION__": version("neonize"), "download": _refuse_download})
    sys.modules[module.__name__] = module


def _require_native_protobuf() -> None:
    """Refuse protobuf's substitute in Python, to which it falls back without a word where its own code does not load.

    That one raises for strings that are not UTF-8, which strangers may send; it also takes 15 MiB more.
    """
    if api_implementation.Type() != "upb":
        message = (
            "protobuf has not loaded its native code (google._upb): install libstdc++6 in the image, and do not set "
            "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
        )
        raise LinkError(message)


@cache
def load_messages() -> tuple[Untyped, Untyped]:
    """Return ``Neonize_pb2`` and ``WAWebProtobufsE2E_pb2`` without loading neonize's native code; raises LinkError."""
    _require_native_protobuf()
    for name in _BARE:
        if name not in sys.modules:
            _register_bare(name)
    # Protobuf imports its substitute in Python, too (0.6 MiB).
    with placeholders("google.protobuf.internal.python_message"):
        envelopes = importlib.import_module("neonize.proto.Neonize_pb2")
    # By the name under which neonize's modules import each other; by its full one it would be loaded twice (0.8 MiB).
    return envelopes, importlib.import_module("waE2E.WAWebProtobufsE2E_pb2")


def _load_binder() -> Untyped:
    try:
        return importlib.import_module("neonize._binder")
    except ImportError as error:
        message = f"neonize's native library cannot be loaded: {error}"
        raise LinkError(message) from error


@cache
def load_library() -> Library:
    """Load neonize's native library (about 30 MiB); raises LinkError where it is missing, or cannot be loaded."""
    envelopes, messages = load_messages()
    if "neonize.download" not in sys.modules:
        _register_download()
    return Library(
        binder=_load_binder(),
        envelopes=envelopes,
        messages=messages,
        companion=importlib.import_module("waCompanionReg.WAWebProtobufsCompanionReg_pb2"),
    )
