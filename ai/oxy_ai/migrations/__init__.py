"""Changes of tables and data, one revision each, run by Alembic. Functions, grants and policies do not belong here.

A new database is created from `tables.sql` of each part of the schema and stamped with the newest revision; an existing
one is brought there by the revisions. Each change of a table is thus written twice, and a test compares the results.

A revision:

- has a `downgrade` that goes back without losing what the older version knew;
- drops a function itself if the new text changes the names of its parameters or what it returns (PostgreSQL refuses to
  replace such a function); functions that no file defines any more are dropped without it;
- is also needed, and may then be empty, when workers depend on a changed function: they wait for
  `oxy_ai.database.SCHEMA_VERSION`, the number of the newest revision.

Workers of the previous version keep running until the new ones are ready. For one release a function that they call
stays as it is, and a column that they read stays where it is.
"""
