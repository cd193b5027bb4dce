"""From a send request on the bus to a message on WhatsApp, or the reason why it was not sent.

Belongs here: accepting requests (`intake`), the order and the attempts (`sender`), the last decision whether to send
(`gate`), a human's pace (`pacing`), what a crash interrupted (`recovery`). Does not belong here: what one library
needs around a send (its adapter in `links`), publishing the result (`publishing`).
"""
