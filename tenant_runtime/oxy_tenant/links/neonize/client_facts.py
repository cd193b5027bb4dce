"""Which client the library claims to be.

The binding has no function that tells. The version stands in whatsmeow's store/clientpayload.go, which the native
library was built with; which commit that is, Go notes in the library's build information (``go version -m``). A test
compares all of this with the library and with what it says at a login, so an upgrade of neonize needs a new entry here.
"""

from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Final

import structlog

from oxy_core.instance.client_versions import ClientVersion

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What is known of the client that a release of neonize contains."""

    release: str
    """Of neonize."""
    commit: str
    """Of whatsmeow, the first twelve digits."""
    version: ClientVersion
    """Of WhatsApp Web, as the client claims."""
    published: date
    """When whatsmeow claimed this version first, as far as is known; the build may be younger."""


KNOWN: Final = ClientFacts("0.5.2", "35ae40906e74", "2.3000.1047769893", date(2026, 9, 17))
"""Of the release that is locked. Source of the day: asternic/wuzapi#368 on GitHub, which took the version from
whatsmeow then."""

_SYSTEMS: Final = frozenset({"Android", "Debian", "Fedora", "Linux", "Mac OS", "Ubuntu", "Windows"})
"""Names that WhatsApp knows."""


def display_name(system: str) -> str:
    """Return how the client calls itself when it asks for a phone code; `system` is what ``spec.client.browser`` says.

    For a code, WhatsApp refuses a browser or a system that it does not know (whatsmeow pair-code.go, PairPhone). The
    list of linked devices takes any name.

    >>> display_name("Ubuntu"), display_name("Pet Shop 24h")
    ('Chrome (Ubuntu)', 'Chrome (Linux)')
    """
    return f"Chrome ({system if system in _SYSTEMS else 'Linux'})"


def client_facts() -> ClientFacts | None:
    """Return what is known of the installed library; None if it is another release."""
    installed = version("neonize")
    if installed == KNOWN.release:
        return KNOWN
    log.warning("client_version_unknown", neonize=installed, known=KNOWN.release)
    return None
