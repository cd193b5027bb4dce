"""One file per command of ``oxy``: its options, what it does, and what it prints.

What several commands share is one level up: options, output, the cluster, what is read of an instance.
"""
