"""What every Oxy component shares: contracts, identities, settings, logging and probes.

Here belongs what at least two components must agree on or would otherwise write twice. Decisions of one component
alone do not, and nothing here imports a component.
"""

__version__ = "0.1.0"
