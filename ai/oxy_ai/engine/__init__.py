"""The turn engine: which messages are due, and what becomes of them.

What comes in is in `ingest`, who is answered when in `turn_dispatcher` and `turn_runner`, what goes out in `relay`,
what failed in `turn_failures` and `dead_letters`, whose settings apply in `instances`. All state is in PostgreSQL:
`store` calls the functions of `oxy_ai/schema/`. No line of business, prompt or tool is known here by name:
`oxy_ai.assistants` knows them.
"""
