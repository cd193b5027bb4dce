"""A small bot on unmodified neonize: it answers every text with "eco: " and the text.

    python echo_bot.py SESSION.db [PHONE]

Without PHONE it prints the text of its QR code, with PHONE it asks for a phone code and prints that.
Started by `oxy-simulator trust -- python echo_bot.py …` it talks to the simulator.
"""

import sys
from queue import Empty, SimpleQueue
from threading import Thread

from neonize.client import NewClient
from neonize.events import ConnectedEv, MessageEv

PAUSE = 0.2  # seconds

client = NewClient(sys.argv[1])
arrived: SimpleQueue[tuple[object, str]] = SimpleQueue()


@client.qr
def show(client: NewClient, qr: bytes) -> None:
    if len(sys.argv) > 2:
        print("CODE", client.PairPhone(sys.argv[2], show_push_notification=True), flush=True)
    else:
        print("QR", qr.decode(), flush=True)


@client.event(ConnectedEv)
def connected(_client: NewClient, _event: ConnectedEv) -> None:
    print("connected", flush=True)


@client.event(MessageEv)
def received(_client: NewClient, event: MessageEv) -> None:
    text = event.Message.conversation or event.Message.extendedTextMessage.text
    if text and not event.Info.MessageSource.IsFromMe:
        arrived.put((event.Info.MessageSource.Chat, text))


def answer() -> None:
    """Answer in the pauses: what whatsmeow encrypts while it decrypts may be lost (its pull request 1168)."""
    burst = []
    while True:
        try:
            burst.append(arrived.get(timeout=PAUSE))
        except Empty:
            while burst:
                chat, text = burst.pop(0)
                client.send_message(chat, f"eco: {text}")


Thread(target=answer, daemon=True).start()
client.connect()
