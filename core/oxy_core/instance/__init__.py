"""What an instance is: its custom resource, the objects that belong to it, how it is linked, how it ends, its settings.

Everything about an instance that two components must agree on is here, once. What travels on the bus is in
`oxy_core.envelopes`; the files and the termination message of a pod are in `oxy_core.tenant`.
"""
