"""A real Kubernetes on one Debian machine: built from Go modules, run as plain processes, removed without a trace.

``python -m oxy_dev.cluster up`` starts it; `oxy_dev.cluster.apiserver` runs an API server alone for tests.
"""
