"""What connects an account to WhatsApp: the protocol, its events and errors, and one folder for each library.

Belongs here: what every adapter offers (`protocol`, `events`, `errors`) and, in its own folder, everything that only
one library needs. Does not belong here: reactions to events (`connection`), the content of messages (`content`), when
to send (`sending`). Only `assembly`, which chooses the adapter, imports from an adapter's folder.
"""
