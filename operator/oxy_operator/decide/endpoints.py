"""Which endpoints of models an instance may name, as far as their URLs tell; the workers judge where names lead."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from oxy_core.model_endpoints import AllowedEndpoints, address_of
from oxy_core.model_keys import endpoint_of
from oxy_operator.decide.instance import Instance
from oxy_operator.problems import Problem

NO_OTHERS: Final = AllowedEndpoints()

_INNER: Final = (".svc", ".local", ".internal", ".localhost", ".lan", ".home.arpa")
"""Ends of names that lead to private addresses (RFC 6761, 6762, 8375, 9476; Kubernetes' own)."""

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """What the platform admin allows."""

    allowed: AllowedEndpoints = NO_OTHERS
    platform: str | None = None
    """The platform's own endpoint, which any instance may name."""


PUBLIC_ENDPOINTS: Final = EndpointRules()
"""None but public ones."""


def endpoint_problem(instance: Instance, rules: EndpointRules) -> Problem | None:
    """Return the first endpoint that the workers will not connect to; None if none is known to be refused."""
    for field, base_url in _named(instance):
        if endpoint_of(base_url) != endpoint_of(rules.platform) and _is_inside(base_url, rules.allowed):
            message = (
                f"{field}: {base_url} is not a public endpoint, so no model is asked there. Name another, or ask a "
                "platform admin to list its host in ai.allowedEndpoints in the chart's values."
            )
            return Problem("EndpointRefused", message)
    return None


def _named(instance: Instance) -> Iterator[tuple[str, str]]:
    ai = instance.spec.ai
    if ai.base_url is not None:
        yield "spec.ai.baseUrl", ai.base_url
    for name, part in (("transcription", ai.transcription), ("vision", ai.vision)):
        if part.enabled and part.base_url is not None:
            yield f"spec.ai.{name}.baseUrl", part.base_url


def _is_inside(base_url: str, allowed: AllowedEndpoints) -> bool:
    """Whether it is certain that an endpoint is neither public nor allowed."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", _port(parts)
    except ValueError:
        return True  # such a URL leads nowhere
    if allowed.names(host, port):
        return False
    if address_of(host) is not None:
        return not allowed.permits(host, port, host)
    # A name may lead into a network that is allowed; only the workers see where.
    return not allowed.networks and _is_inner_name(host.rstrip("."))


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


def _is_inner_name(host: str) -> bool:
    return "." not in host or host.endswith(_INNER)
