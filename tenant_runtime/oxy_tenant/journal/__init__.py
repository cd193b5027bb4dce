"""The durable record between WhatsApp and the bus: one SQLite file on the session volume.

Belongs here: everything that reads or writes that file, a module for each subject (received messages, chats, send
requests, reports). Does not belong here: the library's own file, the session (`links.neonize.session_store`), and any
decision about a message.
"""
