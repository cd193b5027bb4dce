"""Transcripts."""

from unit.simulator.memory import ANA, BOT

from oxy_simulator.replies import LineView, Message, PacketView
from oxy_simulator.transcript import Record, transcript


def message(number: int, sender: str, chat: str, text: str, at: float, **more: object) -> Message:
    values = {"from_me": False, "kind": "text", "quoted_id": None, "duplicate": False, **more}
    return Message.model_validate(
        {"number": number, "id": f"M{text}", "chat": chat, "sender": sender, "text": text, "at": at, **values}
    )


def line(identity: str, sender: str, chat: str, text: str | None, **stages: float) -> LineView:
    return LineView.model_validate(
        {
            "number": 1,
            "id": identity,
            "direction": "outbound" if sender == BOT else "inbound",
            "account": BOT,
            "device": 1,
            "chat": chat,
            "sender": sender,
            "text": text,
            "stages": stages,
            "deliveries": 1,
            "duplicates": 0,
            "error": None,
        }
    )


def test_a_transcript_tells_everything_in_the_order_of_time() -> None:
    record = Record(
        names={BOT: "Clínica", ANA: ANA},
        inboxes={
            BOT: [
                message(1, ANA, ANA, "oi", 1.0),
                message(2, BOT, ANA, "olá", 2.5, from_me=True),
                message(3, BOT, ANA, "sozinho", 4.0, from_me=True, kind="image"),
            ],
            ANA: [message(1, BOT, BOT, "olá", 2.0), message(2, BOT, BOT, "olá", 5.0, duplicate=True)],
        },
        lines=[
            line("Moi", ANA, ANA, "oi", sent=1.0, relayed=1.1, receipted=1.2),
            line("Molá", BOT, ANA, "olá", received=1.9, acked=1.9, receipted=2.0, read=2.1),
            line("Mnota", BOT, BOT, "nota", sent=6.0, queued=6.0),
            line("Mruim", BOT, ANA, None, received=7.0, acked=7.0, undecryptable=7.1),
        ],
        notes=[
            PacketView(number=1, at=3.0, connection=2, device=f"{BOT}:1", direction="note", text="disconnected"),
            PacketView(number=2, at=2.9, connection=0, device="-", direction="note", text="fault abort"),
        ],
    )
    assert transcript(record).splitlines() == [
        "00:00:01.000  5511911111111 → Clínica (0001): oi  ✓✓",
        "00:00:02.000  Clínica (0001) → 5511911111111: olá  ✓✓ read",
        "00:00:02.900  · fault abort",
        "00:00:03.000  · #2 5511900000001:1 disconnected",
        "00:00:04.000  Clínica (0001) → 5511911111111: [image] sozinho",
        "00:00:05.000  Clínica (0001) → 5511911111111: olá  (repeated id)  ✓✓ read",
        "00:00:06.000  Clínica (0001) → Clínica (0001): nota  waiting",
        "00:00:07.000  Clínica (0001) → 5511911111111: (never read by the phone: received, acked, undecryptable)  ✓",
    ]
