"""What an instance is: its custom resource, the objects that belong to it, how it is linked, how it ends, its settings.

Whatever two components must agree on about an instance stands here, once. What travels on the bus is in
`oxy_core.envelopes`; the files and the termination message of a pod are in `oxy_core.tenant`.
"""
