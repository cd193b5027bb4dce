"""The engine's part of the database schema: plain SQL, one topic per file, always the current definitions.

`tables.sql` creates the tables of a new database; `access.sql` holds grants and policies; every other `.sql` file holds
functions. Nothing here mentions a line of business: `oxy_ai.scheduling` and the verticals have their own parts, in
folders `schema` of the same form. `parts.py` reads these folders, `apply.py` applies them to a database.

A function does one job in at most 40 lines. A function that only decides is `immutable` and takes plain values. Limits
are arguments. In plpgsql `v` is a conversation, `t` a turn, `m` a message and `i` an instance.
"""
