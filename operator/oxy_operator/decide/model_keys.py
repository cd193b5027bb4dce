"""Which API keys an instance's models get: those that its resource names, out of Secrets of its namespace.

A key that cannot be had is passed on as an empty one, so that the workers ask nothing at its endpoint.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from oxy_core.model_keys import ModelKeys, endpoint_of
from oxy_operator.decide.instance import Instance
from oxy_operator.problems import Problem

MAX_KEY: Final = 4_096
"""Longest API key in bytes; signed tokens have some 2,000."""

SecretData = Mapping[str, str]
"""``data`` of a Secret: values in base64."""

_USABLE: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
"""What may stand in a header of HTTP."""

_MEANWHILE: Final = "Until then no model is asked there."


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where the key of one endpoint is."""

    field: str
    """As people find it in the resource."""
    endpoint: str
    """As `endpoint_of` names it."""
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """What the workers should have of an instance's keys."""

    references: tuple[KeyReference, ...] = ()
    """What they were read from."""
    value: bytes | None = None
    """Content of the instance's entry; None: it names no keys, and has no entry."""
    problem: Problem | None = None
    """The first that keeps a key from the workers."""


NO_KEYS: Final = KeysWanted()
"""An instance that names none."""


def key_references(instance: Instance) -> tuple[KeyReference, ...]:
    """Return where the keys of an instance are."""
    return tuple(_references(instance))


def _references(instance: Instance) -> Iterator[KeyReference]:
    ai = instance.spec.ai
    if ai.api_key_secret_ref is not None:
        own = ai.api_key_secret_ref
        yield KeyReference("spec.ai.apiKeySecretRef", endpoint_of(ai.base_url), own.name, own.key)
    for name, part in (("transcription", ai.transcription), ("vision", ai.vision)):
        named = part.api_key_secret_ref
        if part.enabled and named is not None:
            field = f"spec.ai.{name}.apiKeySecretRef"
            yield KeyReference(field, endpoint_of(part.base_url or ai.base_url), named.name, named.key)


def keys_wanted(instance: Instance, secrets: Mapping[str, SecretData | None]) -> KeysWanted:
    """Return the keys of an instance; `secrets` has each Secret that it names, None for one that does not exist."""
    by_endpoint: dict[str, SecretStr] = {}
    used: dict[str, KeyReference] = {}
    problems: list[Problem] = []
    references = key_references(instance)
    for reference in references:
        first = used.setdefault(reference.endpoint, reference)
        if first is not reference:
            problems += _conflict(first, reference)
            continue
        key = _key(instance.namespace, reference, secrets.get(reference.secret))
        by_endpoint[reference.endpoint] = SecretStr("" if isinstance(key, Problem) else key)
        problems += [key] if isinstance(key, Problem) else []
    if not references:
        return NO_KEYS
    return KeysWanted(references, ModelKeys(by_endpoint).encode(), next(iter(problems), None))


def _conflict(first: KeyReference, second: KeyReference) -> list[Problem]:
    if (first.secret, first.key) == (second.secret, second.key):
        return []
    message = (
        f"{second.field}: {first.field} names another key for the same endpoint, and that one is used. Name one key "
        "for an endpoint."
    )
    return [Problem("KeysConflict", message)]


def _key(namespace: str, reference: KeyReference, data: SecretData | None) -> str | Problem:
    """Return a key, or what is wrong with it; a message never quotes what a Secret contains."""
    place = f"{reference.field}: Secret {reference.secret} in namespace {namespace}"
    if data is None:
        target = f"secret generic {reference.secret} -n {namespace}"
        create = f"kubectl create {target} --from-literal={reference.key}=YOUR-API-KEY"
        return Problem("SecretMissing", f"{place} does not exist. {_MEANWHILE} To create it, run: {create}")
    if reference.key not in data:
        message = f"{place} has no key {reference.key}. {_MEANWHILE} Add it, or name another in {reference.field}.key."
        return Problem("KeyMissing", message)
    text = _plain(data[reference.key])
    if _USABLE.fullmatch(text) is None:
        message = (
            f"{place}: what it has under {reference.key} is no API key: one line of at most {MAX_KEY} ASCII characters "
            f"without spaces. {_MEANWHILE} Correct the Secret."
        )
        return Problem("KeyUnusable", message)
    return text


def _plain(encoded: str) -> str:
    """Return a value as text, without the line break that a file ends with; empty for what is no text."""
    try:
        return b64decode(encoded).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""
