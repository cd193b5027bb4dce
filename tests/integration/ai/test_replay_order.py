"""Replays of one person's dead turns keep their order, whatever is merged, taken over, revoked or under way."""

from typing import Any
from uuid import uuid4

import pytest
from integration.ai.engine_database import CHAT, HIDDEN, INSTANCE, LIMITS, ORGANIZATION, Database, ingest, item
from integration.ai.test_people_order import by_person
from psycopg.types.json import Jsonb

FAILURE = {"reason": "broken", "role": "customer", "notice": None, "apology": None, "hand_over": None}
ANSWER = {"state": "answered", "reason": None, "role": "customer"}
DEATHS = (CHAT, HIDDEN, CHAT, HIDDEN)
"""The chats in which turns have died, one after the other: by his number and by his hidden address, one person."""
DUE = """
update org_queue set ready_at = now(), open_at = '-infinity', arrival_at = '-infinity';
update conversations set due_at = now() - interval '1 second'
where due_at < now() + interval '20 seconds' and lease_until is null
"""
TAKEOVER_ENDS = """
update conversations set human_until = now() - interval '1 second', due_at = least(due_at, now())
where merged_into is null
"""


class Replays:
    """Turns that have died, and whoever replays, runs and merges them."""

    def __init__(self, engine: Database, deaths: tuple[str, ...] = DEATHS) -> None:
        self.engine = engine
        self.answered: list[str] = []
        """What was asked in each turn that was answered, in the order of the answers."""
        self._held: list[dict[str, Any]] = []
        self._reported = 0
        self.turns = [self.die(chat) for chat in deaths]

    def write(self, chat: str, *, by: str = "customer", **changes: object) -> None:
        """A message comes, the next of the journal; its text is its number."""
        self._reported += 1
        number = self._reported
        values = {"chat": chat, "sender": chat, "whatsapp_id": f"C{number}", "text": f"{number}"}
        report = by_person(number, chat=chat) if by == "person" else item(number, **(values | changes))
        assert ingest(self.engine, report) == ["stored"]

    def revoke(self, chat: str, number: int) -> None:
        """The customer revokes a message of his."""
        target = {"whatsapp_id": f"C{number}", "from_me": False}
        self.write(chat, kind="revoke", details={"target": target, "type": "revoke"})

    def die(self, chat: str) -> int:
        """A message is answered in vain; returns its turn."""
        self.write(chat)
        self.claim()
        return self.bury()

    def bury(self) -> int:
        """The worker gives up what it has claimed; returns the turn."""
        [held] = self._held
        self._held = []
        claim, turn = held["claim"], held["turn"]["turn"]
        named = (ORGANIZATION, claim["conversation"], claim["fence"], turn)
        assert self.engine.value("bury_turn(%s, %s, %s, %s, %s)", *named, Jsonb(FAILURE))
        return int(turn)

    def replay(self, number: int) -> str:
        """Somebody asks for a turn by its id; returns what comes of that."""
        asked: dict[str, str] = self.engine.value("replay_turn(%s, %s, 'ana', false)", ORGANIZATION, self.turns[number])
        return asked["outcome"]

    def merge(self) -> None:
        """It is learnt that number and hidden address are one person's."""
        addresses = (ORGANIZATION, INSTANCE, HIDDEN, CHAT)
        self.engine.value(
            "conversation_of(%s, %s, %s, %s, '+5511912340001', '+551112340001', null, false, null)", *addresses
        )

    def claim(self) -> None:
        """A worker claims what is due."""
        for statement in DUE.split(";"):
            self.engine.rows(statement)
        found = self.engine.value("claim_turns(10, '60 s', 0, 1, '1 s', %s)", LIMITS)
        self._held += [claim for claim in found["claimed"] if claim["turn"] is not None]

    def finish(self) -> None:
        """The worker answers what it has claimed, as far as it still holds that."""
        for held in self._held:
            claim, turn = held["claim"], held["turn"]
            named = (ORGANIZATION, claim["conversation"], claim["fence"], turn["turn"])
            answer = {"id": str(uuid4()), "part": 0, "text": "Olá", "keep_seconds": 60}
            ended = self.engine.value("end_turn(%s, %s, %s, %s, %s)", *named, Jsonb(ANSWER | {"answers": [answer]}))
            if ended is not None and ended["state"] == "answered":
                self.answered.append("+".join(said["text"] for said in turn["inputs"]))
        self._held = []

    def work(self) -> None:
        """Workers go on, through the end of a takeover, until nothing is left to do."""
        for number in range(2 * len(DEATHS) + 2):
            if number == len(DEATHS):
                self.engine.rows(TAKEOVER_ENDS)
            self.finish()
            for row in self.engine.rows("select * from asked_replays()"):
                self.engine.value("replay_turn(%s, %s, 'worker', %s)", *row)
            self.claim()


@pytest.mark.parametrize(
    ("merged", "taken_over", "between"),
    [
        (0, None, ""),
        (1, None, ""),
        (3, None, "claim"),
        (4, None, "claim finish"),
        (2, (CHAT, 0), ""),
        (4, (HIDDEN, 2), "claim"),
        (3, (CHAT, 1), "claim finish"),
    ],
    ids=[
        "merged before",
        "merged after the first",
        "merged while both chats are answered",
        "merged after all were asked for, some answered",
        "a person writes first, merged between",
        "a person writes between, merged after",
        "some answered, a person writes, merged",
    ],
)
def test_replays_of_chats_that_are_merged_are_answered_once_and_in_order(
    engine: Database, merged: int, taken_over: tuple[str, int] | None, between: str
) -> None:
    replays = Replays(engine)
    before: list[str] = []
    for number in range(len(DEATHS) + 1):
        if taken_over is not None and taken_over[1] == number:
            replays.write(taken_over[0], by="person")
        if merged == number:
            before = list(replays.answered)
            replays.merge()
        if number < len(DEATHS):
            assert replays.replay(number) in {"replayed", "queued"}
        for what in between.split():
            getattr(replays, what)()
    replays.work()
    assert sorted(replays.answered) == ["1", "2", "3", "4"]
    assert replays.answered[len(before) :] == sorted(replays.answered[len(before) :])
    assert engine.value("count(*) from outbox") == len(DEATHS)


def test_a_turn_that_died_while_a_person_answered_it_is_replayed_by_its_id(engine: Database) -> None:
    replays = Replays(engine, deaths=())
    replays.write(CHAT)
    replays.write(CHAT)
    replays.claim()
    replays.write(CHAT, by="person")
    replays.turns = [replays.bury()]
    assert replays.replay(0) == "replayed"
    replays.work()
    assert replays.answered == ["1+2"]


@pytest.mark.parametrize("running", [False, True], ids=["while it waits", "while it runs"])
def test_what_is_revoked_of_a_replayed_turn_is_left_out_and_the_rest_answered(
    engine: Database, *, running: bool
) -> None:
    replays = Replays(engine, deaths=())
    replays.write(CHAT)
    replays.write(CHAT)
    replays.claim()
    replays.turns = [replays.bury()]
    if not running:
        replays.write(CHAT, by="person")
    assert replays.replay(0) == "replayed"
    if running:
        replays.claim()
    replays.revoke(CHAT, 1)
    replays.write(CHAT, by="person")  # what is open in no replay, he has answered
    replays.work()
    assert replays.answered == ["2"]
