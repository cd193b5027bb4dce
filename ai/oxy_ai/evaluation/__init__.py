"""Plays golden dialogues (`oxy_ai.golden`) with a model and judges what came of them: ``python -m oxy_ai.evaluate``.

Each dialogue has an organization of its own in a scratch database. The turn engine is the workers' own; only the bus
and the phones are left out.
"""
