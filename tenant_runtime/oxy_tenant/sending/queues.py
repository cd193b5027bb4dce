"""Which send comes next in each chat: one queue per chat, whatever its addresses. Used from the event loop alone."""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from oxy_core.identity import Jid
from oxy_core.outbound import SendRefusal
from oxy_tenant.journal.sends import OpenSend


@dataclass(slots=True, eq=False)
class WaitingSend:
    """A send without a result, and what has been tried."""

    send: OpenSend
    chat: Jid
    """The chat's address: the LID from when it is known."""
    examined: bool = False
    """Whether it is known how the previous run left it."""
    typed: bool = False
    failed: int = 0
    """Attempts of this run that certainly did not reach WhatsApp."""
    last_error: str | None = None
    refusal: SendRefusal | None = None
    """Why WhatsApp refused the last attempt."""
    retry_after: float | None = None
    """Seconds that it asked to wait."""
    answers: bool = False
    """Whether it goes to somebody who has written, which WhatsApp's reach-out lock does not forbid (`reach_out`)."""
    locked_at: int = 0
    """How far its chat was (`Chats.written_sequence`) when WhatsApp refused it by that lock; 0: it never did."""
    prepared: bytes | None = None
    """The message that announces its file, prepared in this run."""


@dataclass(slots=True, eq=False)
class ChatQueue:
    """The sends of one chat, in the order of their acceptance."""

    chat: Jid
    waiting: list[WaitingSend] = field(default_factory=list)
    tasks: int = 0
    """How many tasks send from it; more than one only until those of joined queues notice."""
    joined_to: "ChatQueue | None" = None


class ChatQueues:
    """The queues of all chats with waiting sends. `addresses` start with the one that the chat is stored under."""

    def __init__(self) -> None:
        self._queues: dict[Jid, ChatQueue] = {}

    def __len__(self) -> int:
        """Return how many sends wait in all chats."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    def add(self, send: OpenSend, addresses: Sequence[Jid]) -> ChatQueue | None:
        """Queue a send; return the queue if it needs a task, which must call `head` until there is none."""
        queue = self._of(addresses)
        insort(queue.waiting, WaitingSend(send, addresses[0]), key=_acceptance)
        if queue.tasks:
            return None
        queue.tasks = 1
        return queue

    def is_next(self, waiting: WaitingSend, addresses: Sequence[Jid]) -> bool:
        """Whether no other send to any of these addresses comes before `waiting`."""
        return self._of(addresses).waiting[0] is waiting

    def waiting_in(self, addresses: Sequence[Jid]) -> list[WaitingSend]:
        """Return what waits for any of these addresses."""
        found = (self._queues[address] for address in addresses if address in self._queues)
        return [waiting for queue in found for waiting in queue.waiting]

    def head(self, queue: ChatQueue) -> WaitingSend | None:
        """Return the send that a task of `queue` attempts next; None ends the task."""
        queue = _current(queue)
        if queue.tasks == 1 and queue.waiting:
            return queue.waiting[0]
        queue.tasks -= 1
        if not queue.tasks:
            del self._queues[queue.chat]
        return None

    def remove(self, queue: ChatQueue, ended: WaitingSend) -> None:
        """Remove a send that has a result."""
        _current(queue).waiting.remove(ended)

    def _of(self, addresses: Sequence[Jid]) -> ChatQueue:
        """Return the queue of a chat; joins what was queued under each of its addresses."""
        found = [self._queues.pop(address) for address in addresses if address in self._queues]
        queue = found[0] if found else ChatQueue(addresses[0])
        for other in found[1:]:
            _join(other, queue)
        if len(found) > 1 or queue.chat != addresses[0]:
            _rename(queue, addresses[0])
        self._queues[queue.chat] = queue
        return queue


def _rename(queue: ChatQueue, chat: Jid) -> None:
    """Give a chat its new address. Its sends keep it, even if the old one is given to somebody else later."""
    queue.chat = chat
    for waiting in queue.waiting:
        waiting.chat = chat


def _join(old: ChatQueue, new: ChatQueue) -> None:
    new.waiting = sorted([*new.waiting, *old.waiting], key=_acceptance)
    new.tasks += old.tasks
    old.joined_to = new


def _current(queue: ChatQueue) -> ChatQueue:
    while queue.joined_to is not None:
        queue = queue.joined_to
    return queue


def _acceptance(waiting: WaitingSend) -> int:
    return waiting.send.sequence
