"""The operator: brings about and keeps what each WhatsAppInstance asks for.

`reconcile` observes one instance, has `decide` make a plan, and acts on it; `application` runs it for all. `kube`,
`bus` and `ownership` do the talking. What other components must agree on about an instance is in `oxy_core.instance`.
"""
