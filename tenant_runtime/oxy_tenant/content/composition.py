"""The messages that we send, as WhatsApp's protobuf (waE2E ``Message``). Pure.

`messages` is the generated module that defines the protobuf; each library ships its own.
"""

from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule


def compose_text(messages: MessagesModule, text: str, secret: bytes) -> MessageProtobuf:
    """Return a text message; `secret` (32 bytes) is the message secret by which its echo is recognised."""
    message = messages.Message(conversation=text)
    message.messageContextInfo.messageSecret = secret
    return message
