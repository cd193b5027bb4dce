"""Whether a run proves anything: how much of each kind it must have had at least. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

LEAST: Final[Mapping[str, int]] = {
    "campaign": 12,
    "campaign that was stopped and went on": 8,
    "opted out while it waited": 2,
    "nobody promotes to": 3,
    "campaign that was called off": 10,
    "dead letter of a campaign": 5,
    "dead letter of an automation": 3,
    "confirmacao": 10,
    "lembrete-24h": 20,
    "lembrete-2h": 10,
    "falta": 6,
    "agradecimento": 2,
    "vacina": 2,
    "banho": 2,
    "aniversario": 2,
    "inativo": 2,
    "boas-vindas": 2,
    "moved before it was told": 8,
    "moved after it was told": 8,
    "cancelled before it was told": 8,
    "cancelled when it was due": 8,
    "daily_summary": 6,
    "weekly_report": 6,
    "empty_agenda": 6,
    "opportunities": 6,
    "queued in quiet hours": 5,
    "promotion that left while workers were killed": 40,
    "booking that left while workers were killed": 60,
    "report that left while workers were killed": 20,
}
"""Of each kind, in all businesses together."""
LEAST_HIT: Final = 0.3
"""Share of the kills that must have left a lease behind, of a job or of a number's texts to send."""


def missing(counts: Mapping[str, int], kills: int, hits: int) -> Iterator[str]:
    """Yield what a run should have had more of."""
    for kind, least in LEAST.items():
        if counts.get(kind, 0) < least:
            yield f"the run proves too little: {counts.get(kind, 0)} of {kind!r}, and at least {least} should be"
    if hits < kills * LEAST_HIT:
        yield f"the run proves too little: {hits} of {kills} kills left a lease behind"


def idle_quarters(name: str, released: Sequence[float], began: float, ended: float) -> Iterator[str]:
    """Yield in which quarters of a run a business sent nothing, while another one had work for all workers."""
    quarter = (ended - began) / 4
    for number in range(4):
        first = began + number * quarter
        if not any(first <= moment < first + quarter for moment in released):
            yield f"{name} sent nothing in quarter {number + 1} of the run"
