"""Builders of an instance's objects: pure functions, one file for each kind of object.

Does not belong here: whether an object is applied or removed (`decide.plan`), and how (`kube.applier`).
"""
