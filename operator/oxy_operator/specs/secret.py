"""Secrets of an instance: its bus credentials, and the pairing code while there is one."""

from base64 import b64encode
from collections.abc import Mapping

from oxy_core.instance.pairing import PairingOffer
from oxy_core.tenant import CREDENTIALS_FILE
from oxy_core.times import utc_text
from oxy_operator.digest import content_digest
from oxy_operator.kubernetes_api import Object
from oxy_operator.resource import Instance
from oxy_operator.specs.names import metadata, pairing_name, runtime_name

CONTENT: str = "oxy.dev/content"
"""Annotation that changes with the content, which is never read back."""


def credentials_secret(instance: Instance, credentials: str) -> Object:
    """Return the Secret with the user's credentials file; the runtime notices a new one by itself."""
    return _secret(instance, runtime_name(instance.name), {CREDENTIALS_FILE: credentials})


def pairing_secret(instance: Instance, pairing: PairingOffer) -> Object:
    """Return the Secret that `oxy pair` shows."""
    content = {
        "method": pairing.method,
        "code": pairing.code,
        "qr": pairing.qr,
        "expiresAt": utc_text(pairing.expires_at),
    }
    present = {name: value for name, value in content.items() if value is not None}
    return _secret(instance, pairing_name(instance.name), present)


def _secret(instance: Instance, name: str, content: Mapping[str, str]) -> Object:
    data = {key: b64encode(value.encode()).decode() for key, value in content.items()}
    return {
        "metadata": metadata(instance, name) | {"annotations": {CONTENT: content_digest(data)}},
        "type": "Opaque",
        "data": data,
    }
