"""One queue per chat, whatever is learned about addresses and in whatever order tasks proceed."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.messages import request

from oxy_core.identity import Jid
from oxy_tenant.journal.sends import OpenSend
from oxy_tenant.sending.queues import ChatQueue, ChatQueues, WaitingSend

LIDS = [Jid.parse(f"{number}@lid") for number in (1, 2)]
PHONES = [Jid.parse(f"{number}@s.whatsapp.net") for number in (1, 2)]
ADDRESSES = LIDS + PHONES


@dataclass
class Model:
    """The queues with tasks that the test lets proceed one step at a time, and what is known about addresses."""

    queues: ChatQueues = field(default_factory=ChatQueues)
    aliases: dict[Jid, Jid] = field(default_factory=dict)
    tasks: list[tuple[ChatQueue, WaitingSend | None]] = field(default_factory=list)
    """Each with the send that it holds."""
    waiting: dict[int, Jid] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)

    def addresses(self, chat: Jid) -> tuple[Jid, ...]:
        current = self.aliases.get(chat, chat)
        return (current, *(alias for alias, lid in self.aliases.items() if lid == current))

    def accept(self, chat: Jid) -> None:
        sequence = len(self.waiting) + len(self.sent) + 1
        self.waiting[sequence] = chat
        queue = self.queues.add(OpenSend(request(), chat, sequence), self.addresses(chat))
        if queue is not None:
            self.tasks.append((queue, None))

    def proceed(self, number: int) -> None:
        """Let a task take its next send, or send the one that it holds."""
        if not self.tasks:
            return
        queue, held = self.tasks.pop(number % len(self.tasks))
        if held is None:
            held = self.queues.head(queue)
            if held is not None:
                self.tasks.append((queue, held))
            return
        if self.queues.is_next(held, self.addresses(held.chat)):
            self.send(queue, held)
        self.tasks.append((queue, None))

    def send(self, queue: ChatQueue, held: WaitingSend) -> None:
        sequence, chat = held.send.sequence, self.addresses(held.send.chat)[0]
        assert sequence == min(other for other in self.waiting if self.addresses(self.waiting[other])[0] == chat)
        del self.waiting[sequence]
        self.sent.append(sequence)
        self.queues.remove(queue, held)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(0, 3)),
        st.tuples(st.just("learn"), st.integers(0, 1)),
        st.tuples(st.just("proceed"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(steps)
def test_sends_of_one_chat_are_sent_once_and_in_order(plan: list[tuple[str, int]]) -> None:
    model = Model()
    for step, number in plan:
        if step == "accept":
            model.accept(ADDRESSES[number])
        elif step == "learn":
            model.aliases[PHONES[number]] = LIDS[number]
        else:
            model.proceed(number)
    for _ in range(1_000):
        model.proceed(0)
    assert sorted(model.sent) == list(range(1, len(model.sent) + 1))
    assert (model.waiting, model.tasks, len(model.queues)) == ({}, [], 0)


def test_who_gets_the_number_of_another_gets_nothing_meant_for_that_one() -> None:
    model = Model()
    model.accept(PHONES[0])
    model.accept(PHONES[0])
    model.aliases[PHONES[0]] = LIDS[0]
    model.accept(LIDS[0])
    model.aliases[PHONES[0]] = LIDS[1]
    [(queue, _)] = model.tasks
    chats = []
    while (held := model.queues.head(queue)) is not None:
        assert model.queues.is_next(held, model.addresses(held.chat))
        chats.append(held.chat)
        model.queues.remove(queue, held)
    assert chats == [LIDS[0]] * 3
