"""The engine's part of the database schema: plain SQL, one topic a file, each with its current text.

`tables.sql` creates the tables of a new database; `access.sql` says who may do what; every other `.sql` file holds
functions. Nothing here mentions a line of business: `oxy_ai.scheduling` and the verticals bring parts of their own, in
a folder `schema` of the same form. `parts.py` reads such folders, `apply.py` brings a database to them.

A function does one job and has at most 40 lines. What only decides is `immutable` and takes plain values. Limits are
arguments. In plpgsql `v` is a conversation, `t` a turn, `m` a message and `i` an instance.
"""
