"""Secrets of an instance: its bus credentials, and the pairing code while there is one."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from oxy_core.instance.custom_resource import pairing_secret_name, runtime_name
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.tenant import CREDENTIALS_FILE
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.objects import Object

CONTENT_ANNOTATION: Final = "oxy.dev/content"
"""Changes with the content of a Secret, which is never read back."""

_DIGEST_BYTES: Final = 12


def credentials_secret(instance: Instance, credentials: str) -> Object:
    """Return the Secret with the user's credentials file; the runtime reloads it when it changes."""
    return _secret(instance, runtime_name(instance.name), {CREDENTIALS_FILE: credentials})


def pairing_secret(instance: Instance, offer: PairingOffer) -> Object:
    """Return the Secret that `oxy pair` shows."""
    return _secret(instance, pairing_secret_name(instance.name), offer.to_secret())


def _secret(instance: Instance, name: str, content: Mapping[str, str]) -> Object:
    data = {key: b64encode(value.encode()).decode() for key, value in content.items()}
    return {
        "metadata": metadata(instance, name) | {"annotations": {CONTENT_ANNOTATION: content_digest(data)}},
        "type": "Opaque",
        "data": data,
    }


def content_digest(data: Mapping[str, str]) -> str:
    """Return a short digest of a Secret's content."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=_DIGEST_BYTES).hexdigest()
