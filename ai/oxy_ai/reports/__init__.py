"""Figures of the engine's own data for an organization's owners. Reads, never writes.

Figures of bookings are in `oxy_ai.scheduling`; which figures an owner may ask for, and in what words, is a vertical's.
"""
