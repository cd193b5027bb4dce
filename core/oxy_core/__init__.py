"""What every Oxy component shares: contracts, identities, settings, logging and probes."""

__version__ = "0.1.0"
