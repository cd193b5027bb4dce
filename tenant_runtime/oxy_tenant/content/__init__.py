"""What messages hold: reading and composing WhatsApp's message protobuf, whichever library delivers it.

Belongs here: what the parts of a message mean, the values that become of a received message, the messages that we
compose. Does not belong here: a library's own envelope around a message (its adapter in `links`), what is remembered
of a message (`journal`), what is answered (the AI workers).
"""
