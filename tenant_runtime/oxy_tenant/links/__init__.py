"""What connects an account to WhatsApp: the protocol, its events and errors, and one folder for each library.

Belongs here: what every adapter must offer (`protocol`, `events`, `errors`) and, in a folder of its own, everything
that one library alone needs. Does not belong here: what to do about an event (`connection`), what a message holds
(`content`), when to send (`sending`). Nothing outside an adapter's folder imports from it, except `runtime`, which
chooses the adapter.
"""
