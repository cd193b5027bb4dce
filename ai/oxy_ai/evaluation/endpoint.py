"""Whether the endpoint that dialogues are to be played with can be reached at all."""

from typing import Final

import httpx2

from oxy_ai.errors import AdministrationError

_PATIENCE: Final = 10.0
"""Seconds. Whoever answers later than that answers no dialogue either."""


def require_endpoint(base_url: str) -> None:
    """Ask an endpoint once, whatever it answers; raises AdministrationError if it is not there."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        message = f"--base-url: {base_url} is no URL: give one such as https://api.openai.com/v1"
        raise AdministrationError(message)
    try:
        with httpx2.Client(timeout=_PATIENCE, trust_env=False) as client:
            client.get(f"{base_url.rstrip('/')}/models")
    except httpx2.HTTPError as error:
        message = f"--base-url: no endpoint at {base_url}: {error}: start it, or give another one"
        raise AdministrationError(message) from error
