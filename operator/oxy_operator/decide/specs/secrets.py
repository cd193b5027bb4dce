"""Secrets of an instance: its bus credentials, and the pairing code while there is one."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from oxy_core.instance.custom_resource import pairing_secret_name, runtime_name
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.session_backups import BACKUP_KEY_FILE, keys_text
from oxy_core.tenant import CREDENTIALS_FILE
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.objects import Object

CONTENT_ANNOTATION: Final = "oxy.dev/content"
"""Changes with the content of a Secret, which is never read back."""

_DIGEST_BYTES: Final = 12


def credentials_secret(instance: Instance, credentials: str, backup_keys: Mapping[str, bytes]) -> Object:
    """Return the Secret with the user's credentials file and the keys of backups.

    The runtime reads both again when they change.
    """
    content = {CREDENTIALS_FILE: credentials, BACKUP_KEY_FILE: keys_text(backup_keys)}
    return _secret(instance, runtime_name(instance.name), content)


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
