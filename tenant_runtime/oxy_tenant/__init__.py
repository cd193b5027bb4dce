"""The process of a tenant pod: one WhatsApp connection, its journal, and the way to and from the bus.

What a message passes has a folder of its own: `connection`, `sending` and `publishing` do one job each and do not know
each other, `links` holds the protocol to WhatsApp and its adapters, `journal` what is on disk before anything is
acknowledged, `content` what messages hold. `assembly` puts the parts together, `runtime` starts and stops them.
The layers are drawn in docs/architecture.md.

A value from outside is an environment variable (`settings`) or part of the operator's file (`settings_file`). Any other
number that a person might tune is a constant at the top of the module whose policy it is.
"""
