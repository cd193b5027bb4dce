"""The pod's part of an erasure: a request that it journals and accepts, as it does with texts to send."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from nats.aio.client import Client

from oxy_ai.engine.acceptances import Acceptances
from oxy_ai.erasures.records import Erasure
from oxy_core import subjects
from oxy_core.envelopes import EraseRequest
from oxy_core.trace import new_trace

ACCEPTED_SECONDS: Final = 2.0
"""Timeout of a pod's acceptance."""

log = structlog.get_logger()


async def ask_pod(client: Client, erasure: Erasure, account: str) -> UUID | None:
    """Have the pod forget a person; return the journal that holds the request, None: the pod did not accept it."""
    organization, instance = erasure.names
    request = EraseRequest(
        id=erasure.id,
        organization=organization,
        instance=instance,
        salt=erasure.instance,
        digests=erasure.digests,
        seconds_ago=erasure.seconds_ago,
        trace=new_trace(),
    )
    acceptances = Acceptances()
    accepted = acceptances.expect(erasure.id, subjects.SubjectSender(account, instance))
    confirmations = await client.subscribe(subjects.accepted(account, instance), cb=acceptances.take)
    try:
        await client.publish(subjects.out(account, instance), request.encode())
        async with asyncio.timeout(ACCEPTED_SECONDS):
            return await accepted
    except TimeoutError:
        return None
    finally:
        await confirmations.unsubscribe()
