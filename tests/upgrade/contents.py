"""One envelope for every shape of content that a message can have, received or sent, with every field set."""

from collections.abc import Mapping
from typing import Final

from upgrade.documents import ID, LID, MOMENT, OTHER, PHONE, SEND_REQUEST, of_message

from oxy_core.content import (
    Album,
    Call,
    Card,
    CardNumber,
    Cards,
    Choice,
    Details,
    Edit,
    Event,
    EventAnswer,
    Invite,
    Menu,
    MenuChoice,
    Notice,
    Order,
    Payment,
    Place,
    Poll,
    Product,
    Reaction,
    Revoke,
    StickerPack,
    Target,
    Unknown,
    Vote,
)
from oxy_core.envelopes import Envelope
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import (
    CardContent,
    CatalogLink,
    EditContent,
    FileContent,
    FileKind,
    OutboundContent,
    PlaceContent,
    PollContent,
    PresenceContent,
    PresenceState,
    Quoted,
    ReactionContent,
    ReadContent,
    RevokeContent,
    TextContent,
)

TARGET: Final = Target(whatsapp_id="3EB0AAAA", from_me=True, sender=LID)
QUOTED: Final = Quoted(whatsapp_id="3EB0AAAA", sender=LID, text="Quanto custa?")
LINK: Final = CatalogLink(url="https://wa.me/c/5511987651111", title="Flor", description="Rações")

DETAILS: Final[Mapping[MessageKind, Details]] = {
    MessageKind.LIVE_LOCATION: Place(
        latitude=-23.55, longitude=-46.63, name="Casa", address="Rua", url="https://x", accuracy_metres=9, sequence=2
    ),
    MessageKind.CONTACT: Cards(
        cards=(Card(name="Ana", numbers=(CardNumber(number="+55", account=PHONE),), organization="Flor", email="a@b"),),
        total=2,
    ),
    MessageKind.POLL: Poll(options=("Banho", "Tosa"), total=3, selectable=1),
    MessageKind.VOTE: Vote(target=TARGET, resolved=True, options=("Banho",)),
    MessageKind.REACTION: Reaction(target=TARGET, emoji="❤️"),
    MessageKind.EDIT: Edit(target=TARGET, kind=MessageKind.IMAGE),
    MessageKind.REVOKE: Revoke(target=TARGET),
    MessageKind.LIST: Menu(
        title="Serviços",
        footer="Flor",
        button="Ver",
        choices=(MenuChoice(id="1", title="Banho", description="Com secagem", section="Cães"),),
        total=2,
    ),
    MessageKind.INTERACTIVE_REPLY: Choice(target=TARGET, id="agenda", description="Sábado", parameters='{"dia": 6}'),
    MessageKind.ORDER: Order(
        order_id="1", title="Pedido", items=2, amount=60_000, currency="BRL", status="inquiry", seller=PHONE
    ),
    MessageKind.PRODUCT: Product(
        product_id="1",
        retailer_id="racao-1",
        title="Ração",
        description="15 kg",
        amount=60_000,
        sale_amount=50_000,
        currency="BRL",
        url="https://flor.example",
        owner=PHONE,
    ),
    MessageKind.PAYMENT: Payment(action="requested", amount=60_000, currency="BRL", expires_at=MOMENT, target=TARGET),
    MessageKind.MISSED_CALL: Call(video=True, group=True, call_id="1"),
    MessageKind.NOTICE: Notice(name="ephemeral_setting", target=TARGET, seconds=86_400),
    MessageKind.INVITE: Invite(to="group", chat=OTHER, name="Cães", code="x", expires_at=MOMENT),
    MessageKind.EVENT: Event(
        description="Feira", starts_at=MOMENT, ends_at=MOMENT, place="Praça", join_url="https://x", cancelled=True
    ),
    MessageKind.EVENT_REPLY: EventAnswer(target=TARGET, response="maybe", extra_guests=1),
    MessageKind.ALBUM: Album(images=2, videos=1),
    MessageKind.STICKER_PACK: StickerPack(name="Cães", publisher="Flor", stickers=12),
    MessageKind.UNKNOWN: Unknown(name="field_999"),
}
"""What is received; each by one kind of message that has it."""

CONTENTS: Final[tuple[OutboundContent, ...]] = (
    TextContent(text=f"@{PHONE.user} {LINK.url}", quote=QUOTED, mentions=(PHONE,), preview=LINK),
    FileContent(
        kind=FileKind.IMAGE,
        media_id=ID,
        mime="image/jpeg",
        size=4_096,
        sha256="ab" * 32,
        name="rex.jpg",
        caption="Rex",
        seconds=1,
        quote=QUOTED,
    ),
    PlaceContent(latitude=-23.55, longitude=-46.63, name="Flor", address="Rua", url="https://x", quote=QUOTED),
    CardContent(name="Marina", phone="+5511987651111", organization="Flor", quote=QUOTED),
    ReactionContent(whatsapp_id="3EB0AAAA", from_me=True, sender=PHONE, emoji="👍"),
    EditContent(whatsapp_id="3EB0AAAA", text="O banho custa R$ 70,00."),
    RevokeContent(whatsapp_id="3EB0AAAA"),
    PollContent(question="Qual dia?", options=("Sexta", "Sábado"), selectable=1),
    ReadContent(whatsapp_ids=("3EB0AAAA",), sender=PHONE, played=True),
    PresenceContent(state=PresenceState.RECORDING, seconds=3),
)
"""What is sent."""

CONTENT_DOCUMENTS: Final[Mapping[str, Envelope]] = {
    **{f"message-{details.type}": of_message(kind, details) for kind, details in DETAILS.items()},
    **{f"send-{content.type}": SEND_REQUEST.model_copy(update={"content": content}) for content in CONTENTS},
}
"""By name of the golden file. A test fails if a shape of content is missing here."""
