"""All that is checked before an answer leaves. Pure."""

from itertools import chain, islice
from typing import Final

from oxy_ai.assistants.review.backing import unbacked_claims
from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.leaks import internal_codes, quoted_instructions
from oxy_ai.assistants.review.links import foreign_links
from oxy_ai.assistants.review.moments import wrong_moments
from oxy_ai.assistants.review.numbers import foreign_numbers
from oxy_ai.assistants.review.objections import AnswerObjection
from oxy_ai.assistants.review.postponed import postponements
from oxy_ai.assistants.review.prices import wrong_prices
from oxy_ai.assistants.review.settled import unsettled_moments
from oxy_ai.portuguese.words import read

_CHECKS: Final = (
    internal_codes,
    quoted_instructions,
    foreign_links,
    foreign_numbers,
    wrong_prices,
    wrong_moments,
    unbacked_claims,
    unsettled_moments,
    postponements,
)


MOST_OBJECTIONS: Final = 20
"""Of one kind: an answer with more is not read on, so that none holds a worker up."""


def review(answer: str, evidence: Evidence) -> tuple[AnswerObjection, ...]:
    """Return what is wrong with an answer; nothing: it may leave."""
    shown = read(answer, len(answer)).shown
    found = (islice(check(shown, evidence), MOST_OBJECTIONS) for check in _CHECKS)
    return tuple(dict.fromkeys(chain.from_iterable(found)))
