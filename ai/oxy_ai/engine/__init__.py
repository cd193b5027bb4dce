"""The turn engine: from reports of messages to answers in the outbox and on to the pods.

`ingest` stores reports, `turn_dispatcher` claims due conversations, `turn_runner` answers them, `relay` offers answers
to the pods, `turn_failures` retries failed turns or gives them up, `dead_letters` administers those, `instances`
follows settings. All state is in PostgreSQL: `store` calls the functions of `oxy_ai/schema/`. Nothing here names a line
of business, a prompt or a tool: those are behind `oxy_ai.assistants`.
"""
