"""What every Oxy component shares: contracts, identities, settings, logging and probes.

Belongs here: what at least two components must agree on or would otherwise duplicate. Does not: decisions of a single
component. Nothing here imports a component.
"""

__version__ = "0.1.0"
