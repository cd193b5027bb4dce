"""The content of messages: reading and composing WhatsApp's message protobuf, whichever library delivers it.

Belongs here: the meaning of each part of a message, the values that describe a received message, the messages that we
send. Does not belong here: a library's own wrapper around a message (its adapter in `links`), what is stored about a
message (`journal`), how it is answered (the AI workers).
"""
