"""From the journal to JetStream, in journal order.

Belongs here: which reports are in flight and when they are published again. Does not belong here: the content of
reports (`journal`), other traffic on the bus (`sending.intake`, `connection.live_state`).
"""
