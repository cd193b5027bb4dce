"""The ``oxy`` command: how people see and operate instances, from outside the cluster.

It talks only to the API server, and reaches the workers through their administration command, which it runs in one of
their pods. Decisions about instances belong to the operator; this package shows its results and requests changes.
"""
