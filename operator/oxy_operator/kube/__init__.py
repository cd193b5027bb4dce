"""The Kubernetes API: client, informer cache and what feeds it, writers, leader election.

Does not belong here: what should be in the cluster (`decide`).
"""
