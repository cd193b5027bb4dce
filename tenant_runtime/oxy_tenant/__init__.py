"""The process of a tenant pod: one WhatsApp connection, its journal, and the way to and from the bus.

Each stage that a message passes through has its own folder. `connection`, `sending` and `publishing` do one job each
and do not import each other. `links` has the protocol to WhatsApp and its adapters, `journal` the database that
everything is written to before it is acknowledged, `content` the reading and composing of messages. `assembly` builds
these parts, `runtime` starts and stops them. docs/architecture.md draws the layers.

Values set from outside are environment variables (`settings`) or in the operator's file (`settings_file`). All other
tunable numbers are constants at the top of the module that uses them.
"""
