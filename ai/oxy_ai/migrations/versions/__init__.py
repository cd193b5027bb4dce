"""One file a revision, named r<number>_<what it changes>.py; each can go back.

Functions, grants and policies are not migrated: they are applied from `oxy_ai.schema` as a whole.
"""
