"""Backups of the session on the bus, and their restoration.

Belongs here: when a backup is made, how it is encrypted and put on the bus, what makes it count, and whether and how
one is restored. Does not belong here: what a session consists of (`links.archive`), what a backup is for both sides
of the bus (`oxy_core.session_backups`).
"""
