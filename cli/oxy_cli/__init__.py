"""The ``oxy`` command: how people see and operate instances, from outside the cluster.

It talks to the API server alone, and to the workers only through their administration command, which it runs in one of
their pods. Decisions about instances belong to the operator; this package shows what it wrote and asks it for more.
"""
