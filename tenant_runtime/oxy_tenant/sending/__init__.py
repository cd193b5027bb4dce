"""From a send request on the bus to a message on WhatsApp, or the reason why it was not sent.

Belongs here: accepting requests (`intake`), their order and attempts (`sender`, `attempts`), the final check before a
send (`gate`), human pacing (`pacing`), settling sends that a crash interrupted (`recovery`). Does not belong here:
what one library needs before a send (its adapter in `links`), publishing the result (`publishing`).
"""
