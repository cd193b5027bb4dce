"""The durable record between WhatsApp and the bus: one SQLite file on the session volume.

Belongs here: everything that reads or writes that file, in one module per subject (received messages, chats, send
requests, reports). Does not belong here: the library's own file, which is the session (`links.neonize.session_store`),
and decisions about what to send.
"""
