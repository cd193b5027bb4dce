"""The operator: keeps the cluster and NATS in line with each WhatsAppInstance.

`reconcile` observes one instance, lets `decide` make a plan, and acts on it; `application` runs it for all instances.
`kube`, `bus` and `ownership` do the I/O. What other components share about an instance is in `oxy_core.instance`.
"""
