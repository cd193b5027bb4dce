"""Jobs: work that is due at some time and that no customer's message asks for.

Whoever wants one queues it in a transaction of the organization (`queued.queue_job`, or the SQL function of that name),
and provides its kind (`kinds.JobKind`). The engine claims due jobs and has their kinds do them
(`oxy_ai.engine.job_dispatcher`).
"""
