"""One file per revision, named r<number>_<change>.py; each has a downgrade.

Functions, grants and policies have no revisions: each run applies all of them from the schema parts.
"""
