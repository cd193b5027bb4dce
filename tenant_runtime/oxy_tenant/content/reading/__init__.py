"""Reads each kind of message from WhatsApp's protobuf (waE2E ``Message``). Pure.

Belongs here: one reader for each field of the protobuf that is the content of a message, in modules by topic; wrappers;
what all contents have in common. Does not belong here: the facts of the envelope (`content.classification`). No reader
raises, whatever a sender's client wrote.
"""
