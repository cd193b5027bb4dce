"""From the journal to JetStream, in journal order.

Belongs here: which reports are on their way and when to repeat them. Does not belong here: what is in a report
(`journal`), other traffic on the bus (`sending.intake`, `connection.live_state`).
"""
