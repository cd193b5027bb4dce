"""What kind of message it is and what it contains beside its text, as a note in Portuguese. Pure."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from oxy_ai.messages import MessageContent
from oxy_ai.sanitize import label_text, without_brackets
from oxy_core.content import (
    Call,
    Card,
    Cards,
    Choice,
    Event,
    FileOffered,
    Invite,
    Menu,
    Order,
    Payment,
    Place,
    Poll,
    Product,
    StickerPack,
)
from oxy_core.message_kinds import MessageKind

LABEL: Final = 80
"""Most characters of a name, title or label in a note."""

LISTED: Final = 10
"""Most options or contacts that a note lists; the others are counted."""

_THOUSANDTHS: Final = 1_000

T = TypeVar("T")

_NAMES: Final = {
    MessageKind.IMAGE: "imagem",
    MessageKind.VIDEO: "vídeo",
    MessageKind.VIDEO_NOTE: "recado em vídeo",
    MessageKind.GIF: "GIF",
    MessageKind.AUDIO: "áudio",
    MessageKind.VOICE_NOTE: "áudio",
    MessageKind.DOCUMENT: "documento",
    MessageKind.STICKER: "figurinha",
    MessageKind.STICKER_PACK: "pacote de figurinhas",
    MessageKind.LOCATION: "localização",
    MessageKind.LIVE_LOCATION: "localização em tempo real",
    MessageKind.CONTACT: "contato",
    MessageKind.CONTACTS: "contatos",
    MessageKind.POLL: "enquete",
    MessageKind.BUTTONS: "mensagem com botões",
    MessageKind.LIST: "mensagem com lista de opções",
    MessageKind.TEMPLATE: "mensagem com botões",
    MessageKind.INTERACTIVE: "mensagem com opções",
    MessageKind.BUTTON_REPLY: "escolheu a opção",
    MessageKind.LIST_REPLY: "escolheu a opção",
    MessageKind.TEMPLATE_REPLY: "escolheu a opção",
    MessageKind.INTERACTIVE_REPLY: "respondeu ao formulário",
    MessageKind.ORDER: "pedido do catálogo",
    MessageKind.PRODUCT: "produto do catálogo",
    MessageKind.CATALOG: "catálogo",
    MessageKind.PAYMENT: "pagamento",
    MessageKind.INVITE: "convite",
    MessageKind.EVENT: "evento",
    MessageKind.MISSED_CALL: "ligação perdida",
    MessageKind.UNKNOWN: "mensagem de um tipo desconhecido",
    MessageKind.UNSUPPORTED: "mensagem de um tipo que não pode ser lido",
}
"""Kinds that a text alone does not tell."""

_ACTIONS: Final = {
    "sent": "enviado",
    "requested": "solicitado",
    "declined": "recusado",
    "cancelled": "cancelado",
    "invited": "convite para usar pagamentos",
}

_INVITED_TO: Final = {"group": "para um grupo", "newsletter": "para um canal", "call": "para uma ligação"}


def note_of(kind: MessageKind, content: MessageContent) -> str | None:
    """Return the note of a message, without brackets; None: its text says it all."""
    name = _NAMES.get(kind)
    if name is None:
        return None
    facts = [*_details(content), *([] if content.file is None else _file(kind, content.file))]
    if content.view_once:
        facts.append("visualização única")
    separator = " de " if facts and facts[0].endswith(" s") else ": "
    return f"{name}{separator}{', '.join(facts)}" if facts else name


def _details(content: MessageContent) -> list[str]:
    describe = _DESCRIBERS.get(type(content.details))
    return [] if describe is None else [fact for fact in describe(content.details) if fact]


def _file(kind: MessageKind, file: FileOffered) -> list[str]:
    if kind is MessageKind.DOCUMENT:
        return [name for name in [_label(file.name)] if name]
    return [] if file.seconds is None else [f"{file.seconds} s"]


def _label(text: str | None) -> str | None:
    label = label_text(text, LABEL)
    return None if label is None else without_brackets(label)


def _listed(items: Sequence[T], label: Callable[[T], str | None], total: int) -> str:
    shown = [text for text in map(label, items[:LISTED]) if text]
    hidden = total - len(shown)
    return "; ".join([*shown, *([f"e mais {hidden}"] if hidden > 0 else [])])


def _money(amount: int | None, currency: str | None) -> str | None:
    if amount is None:
        return None
    units = f"{amount / _THOUSANDTHS:.2f}".replace(".", ",")
    return f"{_label(currency) or 'BRL'} {units}"


def _place(place: Place) -> list[str | None]:
    return [_label(place.name), _label(place.address), f"{place.latitude:.5f} {place.longitude:.5f}"]


def _cards(cards: Cards) -> list[str | None]:
    return [_listed(cards.cards, _card, cards.total)]


def _card(card: Card) -> str | None:
    numbers = [_label(number.number) for number in card.numbers[:2]]
    return ", ".join(filter(None, (_label(card.name), *numbers)))


def _poll(poll: Poll) -> list[str | None]:
    return [_listed(poll.options, _label, poll.total)]


def _menu(menu: Menu) -> list[str | None]:
    return [_label(menu.title), _listed(menu.choices, lambda choice: _label(choice.title), menu.total)]


def _choice(choice: Choice) -> list[str | None]:
    return [_label(choice.description), _label(choice.parameters)]


def _order(order: Order) -> list[str | None]:
    items = None if order.items is None else f"{order.items} {'item' if order.items == 1 else 'itens'}"
    return [_label(order.title), items, _money(order.amount, order.currency)]


def _product(product: Product) -> list[str | None]:
    return [_label(product.title), _money(product.sale_amount or product.amount, product.currency)]


def _payment(payment: Payment) -> list[str | None]:
    return [_ACTIONS.get(payment.action), _money(payment.amount, payment.currency)]


def _call(call: Call) -> list[str | None]:
    return ["de vídeo" if call.video else "de voz"]


def _invite(invite: Invite) -> list[str | None]:
    return [_INVITED_TO[invite.to], _label(invite.name)]


def _event(event: Event) -> list[str | None]:
    starts = None if event.starts_at is None else f"{event.starts_at:%d/%m/%Y %H:%M} UTC"
    return ["cancelado" if event.cancelled else None, starts, _label(event.place)]


def _sticker_pack(pack: StickerPack) -> list[str | None]:
    return [_label(pack.name)]


_DESCRIBERS: Final[dict[type, Callable[..., list[str | None]]]] = {
    Place: _place,
    Cards: _cards,
    Poll: _poll,
    Menu: _menu,
    Choice: _choice,
    Order: _order,
    Product: _product,
    Payment: _payment,
    Call: _call,
    Invite: _invite,
    Event: _event,
    StickerPack: _sticker_pack,
}
