"""The life of the WhatsApp connection: pairing, reconnecting with back-off, terminal causes, and its live state.

Belongs here: what to do about the events of a link, and what the platform is shown of it. Does not belong here: how a
library connects (its adapter in `links`), the connection to NATS (`runtime`).
"""
