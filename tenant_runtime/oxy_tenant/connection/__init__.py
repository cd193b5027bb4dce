"""The life of the WhatsApp connection: pairing, reconnecting with back-off, terminal causes, and its live state.

Belongs here: reactions to the events of a link, and what the platform sees of them. Does not belong here: how a library
connects (its adapter in `links`), the connection to NATS (`bus`).
"""
