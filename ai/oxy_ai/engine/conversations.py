"""Conversations that people answer or are to answer: listing them, taking them over, handing them back.

Ids are ``<organization>:<number>``. Phone numbers are masked; `show` quotes what was written, for administrators only.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.dead_letters import NUMBER
from oxy_ai.engine.known_names import known_organizations, require_known
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id
from oxy_ai.sanitize import person_name
from oxy_core.identity import mask

_ACTOR: Final = "administrator"


class Conversation(BaseModel):
    """One entry of the list."""

    id: str
    instance: str
    name: str | None = None
    phone: str | None = None
    """Masked."""
    state: str
    """waiting (for a person), person (one answers), or assistant."""
    reason: str | None = None
    """A `HandOverReason` or `HumanReason`."""
    urgency: str | None = None
    summary: str | None = None
    """What the customer wants of a person."""
    waiting_since: AwareDatetime | None = None
    """Since when the customer waits for a person."""
    since: AwareDatetime | None = None
    """Since when the assistant is silent."""
    until: AwareDatetime | None = None
    """When it answers again."""


class Line(BaseModel):
    """One message."""

    at: AwareDatetime
    author: str
    kind: str
    text: str | None = None
    read: str | None = None
    """What was heard or seen in its file."""
    state: str | None = None


class Draft(BaseModel):
    """An answer that the assistant would have given (``spec.ai.mode: Draft``)."""

    at: AwareDatetime
    text: str


class PastHandOver(BaseModel):
    """A promise that a person answers, and what became of it."""

    at: AwareDatetime
    reason: str
    urgency: str
    summary: str
    ended_at: AwareDatetime | None = None
    ended: str | None = None


class Shown(Conversation):
    """Everything about one conversation. Contains customers' messages: shown to administrators only."""

    messages: tuple[Line, ...]
    """The newest, oldest first."""
    hand_overs: tuple[PastHandOver, ...]
    drafts: tuple[Draft, ...]


class Done(BaseModel):
    """What was done to a conversation."""

    id: str
    outcome: str
    message: str
    """What happened and what happens next, in a sentence for the administrator."""


class _Key(NamedTuple):
    id: str
    organization: UUID
    number: int


def _key(key: str) -> _Key:
    organization, _, number = key.rpartition(":")
    if not organization or NUMBER.fullmatch(number) is None:
        raise AdministrationError(_unknown(key))
    return _Key(key, organization_id(organization), int(number))


def conversation_key(key: str) -> tuple[str, int]:
    """Return the organization's name and the number in a conversation's id; raises AdministrationError."""
    return key.rpartition(":")[0], _key(key).number


def _unknown(key: str) -> str:
    return f"there is no conversation {key!r}; `oxy conversations list --all` lists them (organization:number)"


async def list_conversations(
    engine: Engine, organization: str | None, instance: str | None, *, everything: bool, most: int
) -> list[Conversation]:
    """Return the conversations that people answer, whoever waits longest first; raises AdministrationError."""
    await require_known(engine, organization, instance)
    found = []
    for key in await known_organizations(engine, organization):
        async with organization_transaction(engine.pool, key) as connection:
            name = await connection.fetchval("select name from organizations where id = $1", key)
            rows = await connection.fetch(
                "select human_conversations($1, $2, $3, $4) as found", key, instance, everything, most
            )
        found += [_conversation(name, row["found"]) for row in rows]
    never = datetime.max.replace(tzinfo=UTC)
    found.sort(key=lambda item: item.waiting_since or never)
    return found[:most]


class _Row(Conversation):
    id: str = ""
    number: int


def _conversation(organization: str, document: str) -> Conversation:
    row = _Row.model_validate_json(document)
    phone = None if row.phone is None else mask(row.phone)
    shown = {"id": f"{organization}:{row.number}", "name": person_name(row.name), "phone": phone}
    return Conversation.model_validate(row.model_dump() | shown)


_MESSAGES: Final = """
select m.sent_at as at, m.author, m.kind, m.body as text, m.state::text as state,
    reading_of(m, null) ->> 'text' as read
from messages m
where m.organization_id = $1 and m.conversation_id = $2 order by m.place desc, m.id desc limit $3
"""
_HAND_OVERS: Final = """
select h.created_at as at, h.reason, h.urgency, h.summary, h.ended_at, h.ended from hand_overs h
where h.organization_id = $1 and h.conversation_id = $2 order by h.id desc limit $3
"""
_DRAFTS: Final = """
select d.created_at as at, d.body as text from drafts d
where d.organization_id = $1 and d.conversation_id = $2 order by d.turn_id desc limit $3
"""


async def show_conversation(engine: Engine, key: str, most: int) -> Shown:
    """Return one conversation with its newest messages, hand-overs and drafts; raises AdministrationError."""
    wanted = _key(key)
    async with organization_transaction(engine.pool, wanted.organization) as connection:
        number = await connection.fetchval("select kept_conversation($1, $2)", *wanted[1:])
        document = await connection.fetchval(
            "select h from human_conversations($1, null, true, null) h where (h ->> 'number')::bigint = $2",
            wanted.organization,
            number,
        )
        if document is None:
            raise AdministrationError(_unknown(key))
        texts, promises, drafts = [
            [dict(row) for row in await connection.fetch(query, wanted.organization, number, most)]
            for query in (_MESSAGES, _HAND_OVERS, _DRAFTS)
        ]
    listed = _conversation(key.rpartition(":")[0], document).model_dump()
    return Shown.model_validate(
        {**listed, "messages": texts[::-1], "hand_overs": promises[::-1], "drafts": drafts[::-1]}
    )


async def take_over(engine: Engine, key: str, minutes: int) -> Done:
    """Have people answer a conversation for this long; raises AdministrationError."""
    wanted = _key(key)
    until: datetime | None = await engine.pool.fetchval(
        "select command_takeover($1, $2, $3, $4)", *wanted[1:], timedelta(minutes=minutes), _ACTOR
    )
    if until is None:
        raise AdministrationError(_unknown(key))
    message = (
        f"The assistant is silent in {key} until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}; "
        f"`oxy conversations handback {key}` ends that."
    )
    return Done(id=key, outcome="taken_over", message=message)


async def hand_back(engine: Engine, key: str) -> Done:
    """Have the assistant answer a conversation again; raises AdministrationError."""
    found = await engine.pool.fetchval("select command_hand_back($1, $2, $3)", *_key(key)[1:], _ACTOR)
    back = _HandedBack.model_validate_json(found)
    if back.outcome == "missing":
        raise AdministrationError(_unknown(key))
    if back.outcome == "assistant":
        message = f"the assistant answers {key} already; `oxy conversations list` lists those that people answer"
        raise AdministrationError(message)
    return Done(id=key, outcome=back.outcome, message=back.sentence(key))


class _HandedBack(BaseModel):
    outcome: str
    open: int

    def sentence(self, key: str) -> str:
        """Return what happens next."""
        if not self.open:
            return f"The assistant answers {key} again; no message is waiting."
        messages = "message" if self.open == 1 else "messages"
        return f"The assistant answers {key} again: {self.open} waiting {messages} now."
