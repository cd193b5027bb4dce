"""Alembic revisions: changes to tables and data. Functions, grants and policies do not belong here.

A new database is created from each schema part's `tables.sql` and stamped with the newest revision; an existing one is
upgraded by the revisions. Each change to a table is thus written twice, and a test compares the results.

A revision:

- has a `downgrade` that loses none of the older version's data;
- drops a function whose new definition changes parameter names or the return type (PostgreSQL refuses to replace such
  a function); functions that no file defines any more are dropped without a revision;
- is also needed, and may then be empty, when workers depend on a changed function: they wait for
  `oxy_ai.database.SCHEMA_VERSION`, the number of the newest revision.

Workers of the previous version keep running until the new ones are ready. For one release a function that they call
stays as it is, and a column that they read stays where it is.
"""
