"""The session volume: one process uses it, and stops before it is full.

Belongs here: the lock, how much room there is, and what to do about too little. Does not belong here: what is stored
(`journal`, the session's adapter in `links`).
"""
