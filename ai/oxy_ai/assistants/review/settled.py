"""Whether an answer takes a day and a time for settled that nothing has settled. Pure.

No list of words for "booked" is complete: "combinado, segunda às 10h", "te espero segunda às 10h", "segunda às 10h,
prontinho". So what counts is that a day and a time stand together and nothing leaves them open: they must then be what
a tool has shown in this turn, what the customer has booked, or what the business says of itself. What only the customer
has said may be asked back, not affirmed. Words that say that it is agreed need a tool that has booked it.
"""

import re
from collections.abc import Iterable
from itertools import product
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.known import Known, known_of_all
from oxy_ai.assistants.review.objections import SHOWN, AnswerObjection, Fault
from oxy_ai.assistants.review.sources import booked, known_of_results
from oxy_ai.assistants.review.spotted import days_in, times_in
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_AGREED: Final = re.compile(
    r"\b(?:combinad[oa]|anotad[oa]|garantid[oa]s?|marcadinh[oa]|confirmo|reservo|prontinh[oa]|pode vir|podem vir|"
    r"te (?:espero|esperamos|aguardo|aguardamos)|(?:esperamos|aguardamos) (?:voces?|vcs?|por|o|a)|"
    r"(?<!nao )consegui (?:o|a|um|uma|seu|sua|te|vc|voces?|encaix\w+|reserv\w+)|"
    r"fechado(?= ?[:,!])|(?:ta|esta) (?:feito|certo|marcado|na agenda)|da certo)\b"
    r"|^\W*(?:entao )?ate (?:amanha|hoje|segunda|terca|quarta|quinta|sexta|sabado|domingo|dia \d)"
)
_ANNOUNCED: Final = re.compile(r"\W*(?:consegui(?:mos)?|pront(?:o|inho|inha)|feito)\W*")
"""A sentence of its own, which says that the next one is done: "Consegui! Corte hoje às 11h."."""
_OFFERED: Final = re.compile(r"\b(?:tenho|temos|tem|ha|livres?|vagas?|disponive\w+|horarios|opc\w+)\b")
"""The next one says what may be chosen."""
_OPEN: Final = re.compile(
    r"\b(?:nao|nem|infelizmente|se|caso|verific\w+|consult\w+|confir[ao]\w*|conferir|chec\w+|ver|vejo|olhar|"
    r"quer\w*|prefer\w+|gostaria|pediu|disse|mencion\w+|entendi|seria|poderia|posso|podemos|pode ser|que tal|suger\w+|"
    r"sugir\w+|opc\w+|talvez|precis\w+|falt\w+|me (?:diga|conte|passe|informe)|"
    r"abr\w+|reabr\w+|volt\w+|fech\w+|atend\w+|funcion\w+|feriado|expediente|antes|depois|ate|a partir)\b"
)
"""Leaves a moment open, or is about opening hours and limits."""
_END: Final = " \"')*_🐾😊🙏"


def unsettled_moments(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to days and times that are taken for settled."""
    said = sentences(answer)
    for before, sentence, following in zip(["", *said], said, [*said[1:], ""], strict=False):
        folded = fold(sentence)
        if folded.rstrip(_END).endswith("?"):
            continue
        is_open = _OPEN.search(folded) is not None or following.rstrip(_END).endswith("?")
        announced = _ANNOUNCED.fullmatch(fold(before)) is not None and not (is_open or _OFFERED.search(folded))
        agreed = announced or _AGREED.search(folded) is not None
        if agreed or not is_open:
            shown = _booked_now(evidence) if agreed else _shown(evidence)
            if not _holds(sentence, shown, evidence, agreed=agreed):
                yield AnswerObjection(Fault.NOT_DONE, sentence[:SHOWN])


def _booked_now(evidence: Evidence) -> Known:
    done = [outcome for outcome in evidence.outcomes if outcome.acts and outcome.is_success]
    return known_of_results(done, evidence) | booked(evidence)


def _shown(evidence: Evidence) -> Known:
    valid = [outcome for outcome in evidence.outcomes if not outcome.is_invalid_call]
    own = known_of_all((evidence.facts, *evidence.by_people), evidence.now.date())
    return known_of_results(valid, evidence) | booked(evidence) | own


def _holds(sentence: str, shown: Known, evidence: Evidence, *, agreed: bool) -> bool:
    """Whether each time of a sentence is among those shown, on one of the days that it names.

    Without a day only what is said to be agreed is looked at: times alone may be of anything.
    """
    days = [day for spot in days_in(sentence, evidence.now.date()) for day in spot.days]
    times = [spot for spot in times_in(sentence) if not spot.bound]
    if not days:
        return not agreed or all(not shown.times.isdisjoint(spot.times) for spot in times)
    return all(not shown.pairs.isdisjoint(product(days, spot.times)) for spot in times)
