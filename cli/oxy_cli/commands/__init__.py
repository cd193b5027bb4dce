"""One file per command of ``oxy``: its options, what it does, and what it prints.

Shared code is one level up: options, output, the cluster, the view of an instance.
"""
