"""Figures from the engine's own data for an organization's owners. Read-only.

Booking figures are in `oxy_ai.scheduling`; a vertical decides which figures owners can ask for and how they are worded.
"""
