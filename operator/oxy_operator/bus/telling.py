"""What the operator says on the bus because of a live state: to the pod, and to those who watch now.

Nothing of it is kept. What is missed is said again with the next live state, at the latest after 15 seconds.
"""

from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core import event_names, subjects
from oxy_core.envelopes import Envelope, FreezeRequest
from oxy_core.events import LiveCode
from oxy_core.freeze import Freeze
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer

_NAMES: Final = {PairingMethod.PHONE_CODE: event_names.PAIRING, PairingMethod.QR_CODE: event_names.QR}

log = structlog.get_logger()


async def tell_freeze(client: Client, account: str, organization: str, instance: str, freeze: Freeze) -> None:
    """Tell a pod whether it is to hold back what it sends."""
    request = FreezeRequest(organization=organization, instance=instance, freeze=freeze)
    await _say(client, subjects.out(account, instance), request)


async def show_code(client: Client, organization: str, instance: str, offer: PairingOffer) -> None:
    """Show the code with which a phone can be linked now."""
    name = _NAMES[offer.method]
    code = LiveCode(
        name=name, organization=organization, instance=instance, code=offer.text, expires_at=offer.expires_at
    )
    await _say(client, subjects.live(organization, instance, name), code)


async def _say(client: Client, subject: str, envelope: Envelope) -> None:
    try:
        await client.publish(subject, envelope.encode())
    except NatsError as error:
        log.warning("not_said", subject=subject, error=str(error) or type(error).__name__)
