from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT
from oxy_ai.assistants.loops import MOST_IN_RUN, MOST_QUICK
from oxy_ai.assistants.routing import Ask, Confirm, Decision, Say, Skip, Wait, age_limit, decide, hears_of_emergency
from oxy_ai.assistants.transcript import CUT
from oxy_ai.assistants.vertical import Role
from oxy_ai.assistants.wishes import NO_ADVERTISING, NOTHING, WELCOME_BACK
from oxy_ai.messages import MessageContent
from oxy_ai.records import AgeLimit, Contact, Exchanges, Input, Turn
from oxy_core.content import FileOffered
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings, AuroraSettings
from oxy_core.message_kinds import MessageKind

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWNER = "+5511987651111"
TEXT = Input(kind=MessageKind.TEXT, text="oi", age_seconds=1)
LONG = Input(kind=MessageKind.TEXT, text="oi", cut=True, age_seconds=1)
OLD = Input(kind=MessageKind.TEXT, text="velha", age_seconds=90_000)
MUTE = Input(kind=MessageKind.UNSUPPORTED, age_seconds=1)
VOICE = Input(
    kind=MessageKind.VOICE_NOTE, content=MessageContent(file=FileOffered(id=UUID(int=2), seconds=12)), age_seconds=1
)
CAPTIONED = Input(kind=MessageKind.IMAGE, text="Quanto custa?", age_seconds=1)
FRIEND = Contact(id=1, phone="+5511912340001", private=True)
HASTY = Exchanges(ended_at=NOON, quick=MOST_QUICK + 1)
ENDLESS = Exchanges(ended_at=NOON, run=MOST_IN_RUN)
STOP = Input(kind=MessageKind.TEXT, text="parar", age_seconds=1)
BACK = Input(kind=MessageKind.TEXT, text="voltar", age_seconds=1)
CODE = Input(kind=MessageKind.TEXT, text="Seu código de verificação é 482913. Não compartilhe.", age_seconds=1)
AWAY = Input(kind=MessageKind.TEXT, text="No momento não estamos disponíveis de manhã, só à tarde", age_seconds=1)
AT_ONCE = Exchanges(ended_at=NOON - timedelta(seconds=3))
LATER = Exchanges(ended_at=NOON - timedelta(minutes=3))
QUIET = Contact(id=1, opt_out="all", opt_out_unconfirmed=True)
FEWER = Contact(id=1, opt_out="proactive", opt_out_unconfirmed=True)
TRIAL = AiSettings(mode="Only", only_phones=("+5511988880001",))
BLANK = Input(kind=MessageKind.TEXT, text=" \u200b\n", age_seconds=1)


def turn(
    *inputs: Input, phone: str | None = "+5511912340001", ai: AiSettings | None = None, **changes: object
) -> Turn:  # fmt: skip
    settings = InstanceSettings(
        organization="petshop",
        instance="main",
        account="A" * 56,
        generation=1,
        display_name="Pet Shop",
        phone_number="+5511999990000",
        timezone="America/Sao_Paulo",
        owners=(OWNER,),
        ai=ai or AiSettings(),
        suspended=bool(changes.pop("suspended", False)),
    )
    values: dict[str, object] = {
        "turn": 1,
        "attempts": 0,
        "instance": UUID(int=1),
        "settings": settings,
        "closed": False,
        "chat": Jid.parse("5511912340001@s.whatsapp.net"),
        "self_chat": False,
        "contact": Contact(id=1, phone=phone),
        "inputs": inputs,
        "inputs_total": len(inputs),
        "history": (),
        "steps": (),
        "read_at": NOON,
    }
    return Turn.model_validate(values | changes)


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        (turn(TEXT), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, TEXT), Ask(Role.CUSTOMER, ("oi", "oi"))),
        (turn(OLD, TEXT), Ask(Role.CUSTOMER, ("oi",))),
        (turn(MUTE, TEXT), Ask(Role.CUSTOMER, ("[mensagem de um tipo que não pode ser lido]", "oi"))),
        (turn(VOICE), Ask(Role.CUSTOMER, ("[áudio de 12 s]",))),
        (turn(CAPTIONED), Ask(Role.CUSTOMER, ("[imagem] Quanto custa?",))),
        (turn(LONG), Ask(Role.CUSTOMER, ("oi" + CUT,))),
        (turn(OLD), Skip("stale")),
        (turn(OLD, replayed=True), Ask(Role.CUSTOMER, ("velha",))),
        (turn(MUTE), Say(ASK_FOR_TEXT, "unsupported")),
        (turn(BLANK), Say(ASK_FOR_TEXT, "empty")),
        (turn(BLANK, MUTE), Say(ASK_FOR_TEXT, "unsupported")),
        (turn(OLD, MUTE), Say(ASK_FOR_TEXT, "unsupported")),
        (turn(TEXT, closed=True), Wait("closed")),
        (turn(TEXT, suspended=True), Wait("suspended")),
        (turn(OLD, TEXT, suspended=True), Wait("suspended")),
        (turn(OLD, suspended=True), Skip("stale")),
        (turn(OLD, closed=True), Skip("stale")),
        (turn(TEXT, suspended=True, ai=AiSettings(enabled=False)), Skip("disabled")),
        (turn(TEXT, closed=True, ai=AiSettings(enabled=False)), Skip("disabled")),
        (turn(TEXT, ai=AiSettings(enabled=False)), Skip("disabled")),
        (turn(TEXT, phone=OWNER), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, phone=None, self_chat=True), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, phone=None), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, phone=OWNER, ai=AiSettings(aurora=AuroraSettings(enabled=False))), Skip("disabled")),
        (turn(TEXT, ai=AiSettings(aurora=AuroraSettings(enabled=False))), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, contact=FRIEND), Skip("private")),
        (turn(OLD, contact=FRIEND), Skip("private")),
        (turn(TEXT, contact=FRIEND, suspended=True), Skip("private")),
        (turn(TEXT, contact=FRIEND, replayed=True), Skip("private")),
        (turn(TEXT, contact=FRIEND, ai=AiSettings(enabled=False)), Skip("disabled")),
        (turn(TEXT, contact=FRIEND.model_copy(update={"phone": OWNER})), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, contact=Contact(id=1, opt_out="all")), Skip("opted_out")),
        (turn(OLD, contact=Contact(id=1, opt_out="all")), Skip("opted_out")),
        (turn(TEXT, contact=Contact(id=1, opt_out="proactive")), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, contact=Contact(id=1, phone=OWNER, opt_out="all")), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, exchanges=ENDLESS), Skip("loop", calls_person=True)),
        (turn(TEXT, exchanges=ENDLESS, phone=OWNER), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, exchanges=HASTY, phone=OWNER), Skip("loop")),
        (turn(TEXT, exchanges=HASTY, phone=None, self_chat=True), Skip("loop")),
        (turn(TEXT, exchanges=ENDLESS, replayed=True), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, exchanges=ENDLESS, suspended=True), Wait("suspended")),
        (turn(OLD, exchanges=ENDLESS), Skip("stale")),
        (turn(CODE), Skip("loop")),
        (turn(AWAY), Ask(Role.CUSTOMER, (AWAY.text or "",))),
        (turn(AWAY, exchanges=LATER), Ask(Role.CUSTOMER, (AWAY.text or "",))),
        (turn(AWAY, exchanges=AT_ONCE), Skip("loop")),
        (turn(TEXT, exchanges=AT_ONCE), Ask(Role.CUSTOMER, ("oi",))),
        (turn(CODE, TEXT), Ask(Role.CUSTOMER, (CODE.text or "", "oi"))),
        (turn(TEXT, ai=TRIAL), Skip("trial")),
        (turn(OLD, ai=TRIAL), Skip("trial")),
        (turn(TEXT, phone=None, ai=TRIAL), Skip("trial")),
        (turn(TEXT, phone="+551188880001", ai=TRIAL), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, phone=OWNER, ai=TRIAL), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, ai=AiSettings(mode="Draft")), Ask(Role.CUSTOMER, ("oi",))),
        (turn(TEXT, rate_seconds=90), Wait("rate", 90)),
        (turn(MUTE, rate_seconds=90), Wait("rate", 90)),
        (turn(OLD, rate_seconds=90), Skip("stale")),
        (turn(TEXT, rate_seconds=90, phone=OWNER), Ask(Role.AURORA, ("oi",))),
        (turn(TEXT, rate_seconds=90, replayed=True), Ask(Role.CUSTOMER, ("oi",))),
        (turn(STOP, contact=Contact(id=1, opt_out="all", opt_out_unconfirmed=True)), Confirm(NOTHING, "opted_out")),
        (turn(STOP, rate_seconds=90, contact=QUIET), Confirm(NOTHING, "opted_out")),
        (turn(STOP, TEXT, contact=QUIET), Confirm(NOTHING, "opted_out")),
        (turn(TEXT, contact=QUIET), Skip("opted_out")),
        (turn(STOP, contact=Contact(id=1, opt_out="all")), Skip("opted_out")),
        (turn(STOP, contact=Contact(id=1, opt_out="proactive")), Skip("opted_out")),
        (turn(STOP, contact=FEWER), Confirm(NO_ADVERTISING, "opted_out")),
        (turn(STOP, TEXT, contact=FEWER), Ask(Role.CUSTOMER, ("oi",), NO_ADVERTISING)),
        (turn(STOP, MUTE, contact=FEWER), Say(ASK_FOR_TEXT, "unsupported", NO_ADVERTISING)),
        (turn(TEXT, contact=FEWER), Ask(Role.CUSTOMER, ("oi",))),
        (turn(BACK, contact=Contact(id=1, opt_out_unconfirmed=True)), Confirm(WELCOME_BACK, "opted_in")),
        (turn(STOP, BACK, contact=Contact(id=1, opt_out_unconfirmed=True)), Confirm(WELCOME_BACK, "opted_in")),
        (turn(BACK), Ask(Role.CUSTOMER, ("voltar",))),
        (turn(BACK, contact=Contact(id=1, opt_out="proactive")), Ask(Role.CUSTOMER, ("voltar",))),
        (turn(STOP, suspended=True, contact=QUIET), Wait("suspended")),
        (turn(STOP, contact=QUIET.model_copy(update={"private": True})), Skip("private")),
        (turn(STOP, phone=OWNER), Ask(Role.AURORA, ("parar",))),
        (turn(MUTE, exchanges=ENDLESS), Skip("loop", calls_person=True)),
        (turn(TEXT, human=True), Skip("human")),
        (turn(TEXT, human=True, exchanges=ENDLESS), Skip("human")),
        (turn(TEXT, human=True, suspended=True), Wait("suspended")),
        (turn(TEXT, human=True, contact=FRIEND), Skip("private")),
        (turn(OLD, human=True), Skip("stale")),
        (turn(STOP, human=True, contact=QUIET), Skip("human")),
    ],
)
def test_rules_decide_before_any_model(decided: Turn, expected: Decision) -> None:
    assert decide(decided) == expected


@pytest.mark.parametrize(
    ("written", "hears"),
    [
        (turn(TEXT), None),  # the answer itself is about it
        (turn(TEXT, rate_seconds=90), "customer"),
        (turn(TEXT, human=True), "customer"),
        (turn(TEXT, human=True, emergency_seconds=1_700), None),
        (turn(TEXT, human=True, emergency_seconds=1_900), "customer"),
        (turn(TEXT, contact=Contact(id=1, opt_out="all")), "customer"),
        (turn(TEXT, contact=Contact(id=1, opt_out="all"), human=True, emergency_seconds=60), None),
        (turn(STOP, TEXT, contact=QUIET), "customer"),
        (turn(TEXT, exchanges=ENDLESS), "customer"),
        (turn(CODE), None),
        (turn(TEXT, contact=FRIEND), "owner"),
        (turn(TEXT, ai=TRIAL), "owner"),
        (turn(OLD), None),
        (turn(TEXT, suspended=True), None),
        (turn(TEXT, ai=AiSettings(enabled=False)), None),
    ],
)
def test_who_hears_of_an_emergency_although_nobody_would_be_answered(written: Turn, hears: str | None) -> None:
    assert hears_of_emergency(written, decide(written)) == hears


def test_what_a_person_asked_for_is_never_too_old() -> None:
    assert age_limit(turn(TEXT)) == AgeLimit(read_at=NOON, seconds=21_600)
    assert age_limit(turn(TEXT, replayed=True)) is None
