"""Ownership of organizations and numbers, recorded in ConfigMaps of the operator's namespace.

Does not belong here: names and refusals as plain values (`decide.ownership_problems`).
"""
