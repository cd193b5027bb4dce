"""How a turn ends for which the model may not be asked."""

import pytest
from unit.ai.test_routing import turn

from oxy_ai.assistants.fixed_texts import UNAFFORDABLE
from oxy_ai.assistants.people import People, newest_words, order_of_failure, person_will_answer
from oxy_ai.engine.turn_dialogue import Spoken
from oxy_ai.engine.turn_endings import unaffordable
from oxy_ai.messages import Reading, ReadingFailure
from oxy_ai.records import HandOverReason, Input
from oxy_core.instance.settings import AiSettings
from oxy_core.message_kinds import MessageKind

ORDER = order_of_failure(HandOverReason.BUDGET, "Oi", 60)
SPOKEN = Spoken(UNAFFORDABLE, None, ORDER, unaffordable=True)
ACTED = Spoken(UNAFFORDABLE, None, ORDER, acted=True, unaffordable=True)
ASKED = Input(kind=MessageKind.TEXT, text="Oi", age_seconds=1)


@pytest.mark.parametrize(
    ("spoken", "mode", "told", "state"),
    [
        (SPOKEN, "Live", False, "answered"),
        (SPOKEN, "Live", True, "skipped"),
        (ACTED, "Live", True, "answered"),
        (SPOKEN, "Draft", False, "skipped"),
    ],
    ids=["hears it", "has heard it", "something was done since", "drafts promise nothing"],
)
def test_a_customer_hears_once_that_a_person_answers(spoken: Spoken, mode: str, told: bool, state: str) -> None:  # noqa: FBT001 a column of the table
    ai = AiSettings.model_validate({"mode": mode})
    people = People(told=True)
    ending = unaffordable(turn(ASKED, ai=ai), spoken, people, None, told=told)
    promised = [person_will_answer(people) in answer.text for answer in ending.answers]
    assert (ending.state, ending.reason, promised) == (state, "budget", [True] if state == "answered" else [])
    assert (ending.hand_over is None) == (mode == "Draft")
    assert ending.draft is None


def test_who_waits_hears_that_nobody_has_heard_him_and_people_read_it() -> None:
    reading = Reading(way="heard", failure=ReadingFailure.BUDGET)
    unheard = turn(Input(kind=MessageKind.VOICE_NOTE, age_seconds=1, reading=reading))
    ending = unaffordable(unheard, SPOKEN, People(told=True), None, told=True)
    assert [answer.text for answer in ending.answers] == [
        "Não consegui ouvir seu áudio agora. 🙏 Pode me escrever o que você precisa?"
    ]
    assert (ending.state, ending.reason, ending.hand_over) == ("answered", "budget", ORDER)
    assert newest_words(unheard) == "(áudio que não ouvi)"
