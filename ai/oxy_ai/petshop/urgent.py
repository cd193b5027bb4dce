"""What a customer in an emergency is told at once, without a model. Pure."""

import re
from typing import Final

from oxy_ai.assistants.routing import fresh_inputs
from oxy_ai.assistants.vertical import Context
from oxy_ai.petshop.emergencies import emergency_in
from oxy_ai.petshop.parts import CATALOG, CatalogFacts

_LOOKS: Final = "🚨 Isso parece uma emergência!"
_CALL: Final = " Ligue agora para {}, o nosso telefone de emergência veterinária, ou vá direto para o atendimento."
_GO: Final = " Leve agora mesmo à clínica ou ao hospital veterinário 24 horas mais próximo."
_NO_NUMBER: Final = " Não temos um telefone de emergência."
_UNREADABLE: Final = " Não consigo ver agora se temos um telefone de emergência."
_SHOP: Final = " O telefone da loja é {}."
_NOTHING: Final = " Não dê remédio, leite ou comida nem provoque vômito sem orientação de um veterinário."

_PIECE: Final = 80
"""Characters of what may be a piece of a sentence."""
_BRAZILIAN: Final = re.compile(r"\+55(\d\d)(\d{4,5})(\d{4})")


def may_be_urgent(text: str) -> bool:
    """Return whether a message may be about an emergency, if only with others: "chocolate" may have been eaten."""
    return emergency_in(text) is not None or (len(text) <= _PIECE and emergency_in(f"comeu {text}") is not None)


def said_at_once(context: Context) -> str | None:
    """Return what a customer is told whose animal may be in mortal danger; None: nothing says so.

    Only what he wrote himself counts: a forwarded warning is no emergency.
    """
    texts = [item.words for item in fresh_inputs(context.turn) if item.content is None or not item.content.forwarded]
    # In an emergency people send a sentence in pieces: "meu cachorro comeu", "chocolate".
    pieces = " ".join(text for text in texts if len(text) <= _PIECE)
    if not any(map(emergency_in, (*texts, pieces))):
        return None
    return _LOOKS + _where_to_go(context.facts.of(CATALOG)) + _NOTHING


def _where_to_go(catalog: CatalogFacts | None) -> str:
    if catalog is None:
        return _UNREADABLE + _GO
    if catalog.emergency_phone is not None:
        return _CALL.format(shown_phone(catalog.emergency_phone))
    shop = "" if catalog.phone is None else _SHOP.format(shown_phone(catalog.phone))
    return _NO_NUMBER + _GO + shop


def shown_phone(phone: str) -> str:
    """Return a number (E.164) as it is dialled: ``+55 11 3045-9000``; WhatsApp makes it a link."""
    match = _BRAZILIAN.fullmatch(phone)
    return phone if match is None else f"+55 {match[1]} {match[2]}-{match[3]}"
