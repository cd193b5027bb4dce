"""Random journals of one instance, and random ways in which workers may be handed their reports."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from integration.ai.journals import WrittenJournal

from oxy_core.envelopes import InstanceSettings, Report
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

CHATS = 4
MESSAGES = 30
PERSON_SHARE = 0.3
UNDECRYPTABLE_SHARE = 0.08
NEW_JOURNAL_SHARE = 0.04
LINKED_SHARE = 0.3
SHUFFLED_SHARE = 0.5
REPEATED_SHARE = 0.15
LARGEST_BATCH = 8
SPREAD_SECONDS = 4
"""How far the times of sending may contradict the order in which a pod received the messages."""


@dataclass
class TwoAddresses:
    """A chat with a person: its messages come under the phone number or the LID until both are known to be one."""

    phone: Jid
    hidden: Jid
    linked: bool = False

    def next_address(self, random: Random) -> tuple[Jid, Jid | None]:
        self.linked = self.linked or random.random() < LINKED_SHARE
        if self.linked:
            return self.hidden, self.phone
        return random.choice((self.phone, self.hidden)), None


@dataclass
class RandomJournals:
    """What an instance's pods journalled, in order, in one journal or several."""

    settings: InstanceSettings
    random: Random
    name: str
    """Begins each text and id, which go on with the chat and the message: ``name.chat.number``."""
    began: datetime
    chats: list[TwoAddresses] = field(init=False)
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chats = [
            TwoAddresses(Jid.of_phone(f"+55119{number:08d}"), Jid.parse(f"{7000 + number}@lid"))
            for number in range(CHATS)
        ]
        journal = self._new_journal(0)
        for number in range(1, MESSAGES + 1):
            if self.random.random() < NEW_JOURNAL_SHARE:
                journal = self._new_journal(number)
            self.reports.append(self._message(journal, self.random.randrange(CHATS), number))

    def _new_journal(self, number: int) -> WrittenJournal:
        epoch = UUID(int=self.random.getrandbits(128), version=4)
        return WrittenJournal(self.settings, self.began + timedelta(seconds=number), epoch)

    def _message(self, journal: WrittenJournal, chat: int, number: int) -> Report:
        address, alias = self.chats[chat].next_address(self.random)
        spread = self.random.randint(-SPREAD_SECONDS, SPREAD_SECONDS)
        changes: dict[str, object] = {
            "own": self.random.random() < PERSON_SHARE,
            "chat_alias": alias,
            "sent_at": self.began + timedelta(seconds=number + spread),
            "whatsapp_id": f"{self.name}.{chat}.{number}",
        }
        if not changes["own"] and self.random.random() < UNDECRYPTABLE_SHARE:
            changes |= {"kind": MessageKind.UNDECRYPTABLE}
        return journal.write(address, str(changes["whatsapp_id"]), **changes)


def handed_out(reports: list[Report], workers: int, random: Random) -> list[list[list[Report]]]:
    """Return the batches of each worker: any split, in any order, with repeats, but every report at least once."""
    deliveries = list(reports)
    if random.random() < SHUFFLED_SHARE:
        random.shuffle(deliveries)
    for report in random.sample(reports, int(len(reports) * REPEATED_SHARE)):
        deliveries.insert(random.randrange(len(deliveries) + 1), report)
    batches: list[list[list[Report]]] = [[] for _ in range(workers)]
    while deliveries:
        size = random.randint(1, LARGEST_BATCH)
        random.choice(batches).append(deliveries[:size])
        del deliveries[:size]
    return batches
