"""NATS: keys, tokens and accounts, the server's account directory, the operator's connection.

Does not belong here: subjects, streams and envelopes, which all components share (`oxy_core`).
"""
