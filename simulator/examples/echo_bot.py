"""A small bot on unmodified neonize: it answers every text with "eco: " and the text.

    python echo_bot.py SESSION.db [PHONE]

Without PHONE it prints the text of its QR code, with PHONE it asks for a phone code and prints that.
Started by `oxy-simulator trust -- python echo_bot.py …` it talks to the simulator.
"""

import sys

from neonize.client import NewClient
from neonize.events import ConnectedEv, MessageEv

client = NewClient(sys.argv[1])


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
def answer(client: NewClient, event: MessageEv) -> None:
    text = event.Message.conversation or event.Message.extendedTextMessage.text
    if text and not event.Info.MessageSource.IsFromMe:
        client.send_message(event.Info.MessageSource.Chat, f"eco: {text}")


client.connect()
