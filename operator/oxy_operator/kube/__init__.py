"""The Kubernetes API: client, informer cache and its watches, writers, leader election.

Does not belong here: what should be in the cluster (`decide`).
"""
