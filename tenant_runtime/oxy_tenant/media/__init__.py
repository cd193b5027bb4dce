"""The files of received messages: fetched from WhatsApp and published in chunks, one at a time, apart from the reports.

Belongs here: when a file is fetched and tried again, what an error means for it, how it gets on the bus. Does not
belong here: how a library downloads (its adapter in `links`), which files are to be fetched (`journal.transfers`), the
files of messages that are sent (`sending`).
"""
