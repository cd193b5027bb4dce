"""The turn engine: what comes in, who is answered when, what goes out, what failed.

Nothing here knows a line of business, a prompt or a tool by name; `oxy_ai.assistants` does.
"""
