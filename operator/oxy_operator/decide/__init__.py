"""Decisions: pure functions from observations to a plan, and from its outcome to a status.

Belongs here: reading Kubernetes objects into values, every rule about an instance, the builders of its objects.
Does not: requests, connections, clocks, logs, metrics. Nothing here imports what acts; import-linter enforces it.
"""
