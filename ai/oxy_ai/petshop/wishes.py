"""What a customer must have written himself before a tool changes his pets or bookings."""

from typing import Final

from oxy_ai.assistants.vertical import Consent

BOOKING: Final = Consent(
    wishes=(
        *("agend", "marc", "reserv", "quer", "gostaria", "precis", "encaix", "confirm", "fech", "prefir", "prefer"),
        *("pode", "bota", "bote", "coloc", "primeir", "fico com", "vou levar", "vou querer", "da pra", "da para"),
    ),
    by_moment=True,
    named=("servico",),
    registered=("nome_pet",),
)
MOVING: Final = Consent(
    wishes=(
        *("remarc", "reagend", "mud", "troc", "adi", "antecip", "transfer", "pass", "outr", "alter", "atras"),
        *("posterg", "imprevisto", "mais tarde", "mais cedo"),
    ),
    by_moment=True,
)
CANCELLING: Final = Consent(
    wishes=(
        *(
            "cancel",
            "desmarc",
            "desist",
            "tira",
            "nao vou",
            "nao vamos",
            "nao pod",
            "nao vai",
            "nao posso",
            "nao consig",
            "nao quero mais",
        ),
        *("nao preciso mais", "nao precisa mais", "nao da mais"),
    )
)
REGISTERING: Final = Consent(named=("nome",))
