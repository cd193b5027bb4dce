"""Builders of an instance's objects, and of its settings on the bus: pure functions, one file for each.

Does not belong here: whether an object is applied or removed (`decide.plan`), and how (`kube.applier`).
"""
