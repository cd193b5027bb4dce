"""How a turn ends once its answer is known: what is sent, or stored instead, and what is kept of the exchange. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from oxy_ai.assistants.deeds import beside_question
from oxy_ai.assistants.introduction import introduction
from oxy_ai.assistants.loops import exchanges_with
from oxy_ai.assistants.people import People, hand_over_of, person_will_answer, with_promise
from oxy_ai.assistants.proposals import Ruled, Ruling, question_of
from oxy_ai.assistants.roles import is_draft, role_of
from oxy_ai.assistants.routing import Skip, age_limit, fresh_inputs
from oxy_ai.assistants.unread import with_unread
from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.turn_dialogue import Spoken
from oxy_ai.errors import TurnError
from oxy_ai.portuguese.sentences import split_answer
from oxy_ai.records import Answer, Exchanges, HandOver, HandOverReason, PreparedProposal, Turn, TurnEnding
from oxy_ai.sanitize import clean
from oxy_core.identity import new_id

MOST_REGENERATIONS: Final = 2
"""How often an answer is discarded for a message that came meanwhile; whoever writes without end is answered, too."""


def skipped(turn: Turn, skip: Skip) -> TurnEnding:
    """Return the end of a turn that is not answered."""
    ending = TurnEnding(state="skipped", role=role_of(turn), reason=skip.reason)
    if not skip.calls_person:
        return ending
    # Whoever hands the conversation back wants it to be answered: it is counted anew.
    order = hand_over_of(turn, HandOverReason.LOOP, None)
    return ending.model_copy(update={"hand_over": order, "exchanges": Exchanges()})


def noted_for_owner(turn: Turn, skip: Skip, ordered: HandOver) -> TurnEnding:
    """Return the end of a turn that is not answered, but of which people must hear."""
    return skipped(turn, skip).model_copy(update={"hand_over": _unanswered(ordered), "urgent": True})


def _unanswered(ordered: HandOver) -> HandOver:
    """Return an order that promises nothing to anybody."""
    return ordered.model_copy(update={"silences": False})


def said(turn: Turn, spoken: Spoken, people: People | None, confirmation: str | None) -> TurnEnding:
    """Return the end of a turn with what the model said; whoever is handed over hears what happens next."""
    text = with_unread(spoken.text, fresh_inputs(turn))
    text = text if people is None else with_promise(text, person_will_answer(people))
    return answered(turn, text, confirmation=confirmation, spoken=spoken)


def noted(ruling: Ruling | None, text: str) -> str:
    """Return a text after what an owner must know first: that nothing was done of what he was asked about."""
    return f"{ruling.text}\n\n{text}" if ruling is not None and ruling.ruled is Ruled.SET_ASIDE else text


def proposing(turn: Turn, spoken: Spoken, proposal: PreparedProposal, ruling: Ruling | None) -> TurnEnding:
    """Return the end of a turn that asks whether what it proposes is to be done.

    The question is a message of its own, so that a reaction to it and a quote of it are answers to nothing else.
    """
    ending = answered(turn, noted(ruling, beside_question(spoken.text)).strip() or None, spoken=spoken)
    question = Answer(
        id=new_id(),
        piece=len(ending.answers),
        text=question_of(proposal.intent, more=proposal.more),
        keep_seconds=turn.settings.max_answer_age_seconds,
    )
    return ending.model_copy(update={"answers": (*ending.answers, question), "question": question.id})


def unaffordable(
    turn: Turn, spoken: Spoken, people: People | None, confirmation: str | None, *, told: bool
) -> TurnEnding:
    """Return the end of a turn for which the model may not be asked.

    A customer who was `told` so, and still waits for a person, does not hear it again with each message; only that
    nobody has heard what he said: it may be an emergency, which is answered if he writes it.
    """
    silent = skipped(turn, Skip("budget"))
    if is_draft(turn):
        return silent
    if told and confirmation is None and not spoken.acted:
        unread = with_unread("", fresh_inputs(turn)).strip()
        if unread:
            return answered(turn, unread, spoken=replace(spoken, text=unread))
        return silent.model_copy(update={"hand_over": spoken.hand_over})
    return said(turn, spoken, people, confirmation)


def answered(
    turn: Turn,
    text: str | None,
    *,
    confirmation: str | None = None,
    reason: str | None = None,
    spoken: Spoken | None = None,
) -> TurnEnding:
    """Return the end of a turn with a text; None: only what confirms a wish. `spoken`: the dialogue that it is from.

    What is not sent expires at the age at which a message is too old to be answered.
    """
    urgent = spoken is not None and spoken.urgent
    ending = TurnEnding(
        state="answered",
        role=role_of(turn),
        reason=_reason(spoken) or reason,
        answers=_answers(turn, text, confirmation, 6 if urgent else 0),
        last_step=None if spoken is None else spoken.last_step,
        age_limit=age_limit(turn),
        exchanges=Exchanges() if urgent else exchanges_with(turn, fresh_inputs(turn)),
        confirms_opt_out=confirmation is not None,
        may_regenerate=_may_regenerate(turn, spoken),
        hand_over=None if spoken is None else spoken.hand_over,
        urgent=urgent,
    )
    return _drafted(ending) if is_draft(turn) else ending


def _reason(spoken: Spoken | None) -> str | None:
    """Return why a fixed text was said instead of an answer; None: it is an answer."""
    if spoken is None or not (spoken.urgent or spoken.unaffordable):
        return None
    return "emergency" if spoken.urgent else "budget"


def _answers(turn: Turn, text: str | None, confirmation: str | None, part: Literal[0, 6]) -> tuple[Answer, ...]:
    """Return what is sent, a long answer in pieces; the first text to a new contact says who answers.

    Raises TurnError if an answer has nothing that can be read.
    """
    keep = turn.settings.max_answer_age_seconds
    confirming = [Answer(id=new_id(), part=5, text=confirmation, keep_seconds=keep)] if confirmation else []
    pieces = () if text is None else split_answer(clean(text))
    if text is not None and not pieces:
        message = "the answer has no visible character"
        raise TurnError(message)
    answers = [
        Answer(id=new_id(), part=part, piece=number, text=piece, keep_seconds=keep)
        for number, piece in enumerate(pieces)
    ]
    return _introduced(turn, [*confirming, *answers])


def _introduced(turn: Turn, answers: Sequence[Answer]) -> tuple[Answer, ...]:
    if not answers or role_of(turn) is not Role.CUSTOMER:
        return tuple(answers)
    first = answers[0]
    words = introduction(first.text, turn.settings.display_name)
    return (first.model_copy(update={"introduction": words}), *answers[1:])


def _may_regenerate(turn: Turn, spoken: Spoken | None) -> bool:
    """Whether the answer may give way to one that knows what the customer has written since.

    Once a tool has changed data, the answer must tell of it; and nothing puts off an emergency.
    """
    wanted = turn.settings.ai.late_message == "Regenerate" and turn.regenerations < MOST_REGENERATIONS
    return wanted and not (spoken is not None and (spoken.acted or spoken.urgent))


def _drafted(ending: TurnEnding) -> TurnEnding:
    """Return the end of a turn whose answer is stored instead of sent, and which therefore has answered nobody."""
    ordered = ending.hand_over if ending.urgent else None
    return TurnEnding(
        state="skipped",
        role=ending.role,
        reason="draft",
        last_step=ending.last_step,
        draft="\n\n".join(answer.text for answer in ending.answers),
        hand_over=None if ordered is None else _unanswered(ordered),
        urgent=ending.urgent,
    )
