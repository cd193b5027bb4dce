"""Kubeconfig files. They are written as JSON, which every reader of YAML reads."""

import base64
import json
from pathlib import Path
from typing import Final

from oxy_dev.cluster.certificates import KeyPair
from oxy_dev.cluster.files import write_private

NAME: Final = "oxy"


def render(server: str, authority: bytes, user: KeyPair | str) -> str:
    """Return a kubeconfig for ``server`` (a URL), trusting the PEM ``authority``.

    ``user`` is a client certificate, or a bearer token.
    """
    credentials = {"token": user} if isinstance(user, str) else _certificate(user)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": NAME, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}},
        ],
        "users": [{"name": NAME, "user": credentials}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "current-context": NAME,
    }
    return json.dumps(document, indent=2) + "\n"


def write(path: Path, server: str, authority: bytes, user: KeyPair | str) -> None:
    """Write a kubeconfig that only its owner can read."""
    write_private(path, render(server, authority, user).encode())


def _certificate(pair: KeyPair) -> dict[str, str]:
    return {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
