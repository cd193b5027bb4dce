"""The business's figures of a period, as Aurora tells them.

Belongs here: which periods there are, what they are compared with, and how figures are worded and drawn. Does not
belong here: what each figure counts, which stands beside its data (`oxy_ai.reports`, `oxy_ai.scheduling`).
"""
