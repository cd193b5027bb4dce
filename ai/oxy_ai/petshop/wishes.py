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
    moment=("data", "hora"),
)
MOVING: Final = Consent(
    wishes=(
        *("remarc", "reagend", "mud", "troc", "adi", "antecip", "transfer", "pass", "outr", "alter", "atras"),
        *("posterg", "imprevisto", "mais tarde", "mais cedo"),
    ),
    by_moment=True,
    moment=("data", "hora"),
)
CANCELLING: Final = Consent(
    wishes=(
        *("cancel", "desmarc", "desist", "tira da agenda", "tirar da agenda", "nao quero mais", "nao preciso mais"),
        *("nao precisa mais", "nao da mais", "nao vou mais", "nao vou poder", "nao vou conseguir", "nao vou ir"),
        *("nao vou levar", "nao vou precisar", "nao vou querer", "nao vamos poder", "nao vamos conseguir"),
        *("nao vamos mais", "nao vai dar", "nao vai poder", "nao vai conseguir", "nao vai mais", "nao vai rolar"),
        *("nao posso ir", "nao posso levar", "nao posso mais", "nao podemos ir", "nao podemos levar"),
        *("nao consigo ir", "nao consigo levar", "nao consigo mais"),
    )
)
REGISTERING: Final = Consent(named=("nome",))
