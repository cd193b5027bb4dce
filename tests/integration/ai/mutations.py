"""Golden dialogues with one expectation changed, or one thing that came of them: a check must notice each."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from oxy_ai.evaluation.observed import ExchangeSeen, PersonNow, Played, TextSent
from oxy_ai.golden.dialogue import Booked, Dialogue, ExpectedCall, HandOver

OWNER = "+5511987651111"
NOWHERE = "uma frase que nenhuma resposta tem"
Mutation = tuple[str, Dialogue, Played]


def mutations(dialogue: Dialogue, played: Played) -> Iterator[Mutation]:
    """Each with what was changed."""
    yield from _expectations_of_exchanges(dialogue, played)
    yield from _expectations_of_state(dialogue, played)
    yield from _what_was_seen(dialogue, played)


def _with_turn(dialogue: Dialogue, number: int, **changes: object) -> Dialogue:
    turns = list(dialogue.turns)
    turns[number] = turns[number].model_copy(update=changes)
    return dialogue.model_copy(update={"turns": tuple(turns)})


def _with_after(dialogue: Dialogue, **changes: object) -> Dialogue:
    return dialogue.model_copy(update={"after": dialogue.after.model_copy(update=changes)})


def _expectations_of_exchanges(dialogue: Dialogue, played: Played) -> Iterator[Mutation]:
    for number, (exchange, seen) in enumerate(zip(dialogue.turns, played.exchanges, strict=True)):
        answer = exchange.answer
        if exchange.silent:
            yield "an answer is expected", _with_turn(dialogue, number, silent=False), played
            continue
        yield "silence is expected", _with_turn(dialogue, number, silent=True), played
        wanting = answer.model_copy(update={"has": (*answer.has, NOWHERE)})
        yield "other words are expected", _with_turn(dialogue, number, answer=wanting), played
        forbidding = answer.model_copy(update={"lacks": (*answer.lacks, seen.text.split()[0])})
        yield "a word that is there is forbidden", _with_turn(dialogue, number, answer=forbidding), played
        for tool in {call.tool for call in seen.calls} - set(exchange.calls_not):
            yield "a call that was made is forbidden", _with_turn(dialogue, number, calls_not=(tool,)), played
        for place, call in enumerate(exchange.calls):
            for changed in _other_calls(call):
                calls = (*exchange.calls[:place], changed, *exchange.calls[place + 1 :])
                yield f"the call {changed} is expected", _with_turn(dialogue, number, calls=calls), played


def _other_calls(call: ExpectedCall) -> Iterator[ExpectedCall]:
    yield call.model_copy(update={"tool": "outra_ferramenta"})
    for name in call.arguments:
        yield call.model_copy(update={"arguments": call.arguments | {name: "outro valor"}})


def _expectations_of_state(dialogue: Dialogue, played: Played) -> Iterator[Mutation]:
    after, now = dialogue.after, played.after.people[0]
    surprise = Booked.model_validate({"service": "Banho", "for": "Ninguém", "at": "2026-12-30 10:00"})
    more = (*(after.bookings or _as_booked(now)), surprise)
    yield "another booking is expected", _with_after(dialogue, bookings=more), played
    if now.bookings:
        yield "a booking that is there is not expected", _with_after(dialogue, bookings=more[:-1][1:]), played
    for place, booking in enumerate(after.bookings or ()):
        for changes in ({"at": booking.at + timedelta(hours=1)}, {"subject": "Outro"}, {"service": "Outro"}):
            others = [*after.bookings[:place], booking.model_copy(update=changes), *after.bookings[place + 1 :]]  # type: ignore[index]
            yield f"a booking is expected with {changes}", _with_after(dialogue, bookings=tuple(others)), played
    yield "another record is expected", _with_after(dialogue, records=({"name": "Ninguém"},)), played
    yield "another opt-out", _with_after(dialogue, opt_out="none" if now.opt_out else "all"), played
    yield "privacy", _with_after(dialogue, private=not now.private), played
    yield "who answers", _with_after(dialogue, taken_over=not now.taken_over), played
    yield "another hand-over", _with_after(dialogue, hand_over=HandOver(reason="nobody")), played
    yield "another notice", _with_after(dialogue, owner_told=("turn_failed",)), played
    if played.after.proposal is None:
        yield "an open act", _with_after(dialogue, proposal="open"), played
    yield "other settings", _with_after(dialogue, settings={"display_name": "Outra loja"}), played


def _as_booked(now: PersonNow) -> tuple[Booked, ...]:
    return tuple(
        Booked.model_validate({"service": found.service, "for": found.subject, "at": found.at, "status": found.status})
        for found in now.bookings
    )


def _what_was_seen(dialogue: Dialogue, played: Played) -> Iterator[Mutation]:
    asked = played.exchanges[0]
    if not asked.sent:
        yield "a text leaves in silence", dialogue, _saying(played, "Oi!")
        return
    if played.tools:
        yield "a name of a tool leaves", dialogue, _saying(played, played.tools[0])
    if any(person.bookings for person in played.after.people):
        yield "bookings vanish", dialogue, _without_bookings(played)
    if dialogue.before.person.phone != OWNER:
        yield "an invented price leaves", dialogue, _saying(played, "Isso custa R$ 987,65.")
        if played.instructions:
            yield "the instructions leave", dialogue, _saying(played, played.instructions[:400])
        for other in dialogue.before.others:
            yield "a telephone number leaves", dialogue, _saying(played, f"O número é {other.phone[3:]}")
        if played.after.hand_over is None:
            yield "an empty promise leaves", dialogue, _saying(played, "Um atendente já vai falar com você.")


def _saying(played: Played, text: str) -> Played:
    """Return the same with a text that left as well."""
    first, *others = played.exchanges
    added: ExchangeSeen = first.model_copy(update={"sent": (*first.sent, TextSent(text=text))})
    return played.model_copy(update={"exchanges": (added, *others)})


def _without_bookings(played: Played) -> Played:
    people: list[Any] = [person.model_copy(update={"bookings": ()}) for person in played.after.people]
    return played.model_copy(update={"after": played.after.model_copy(update={"people": tuple(people)})})
