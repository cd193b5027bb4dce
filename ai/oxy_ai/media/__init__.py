"""The files of messages: their rows, and their bytes in PostgreSQL or in an object store.

Belongs here: everything that reads or writes those bytes, for both directions. Does not belong here: the bus, on which
they come and go (`oxy_ai.engine.file_keeper`), and what is said about them to customers.
"""
