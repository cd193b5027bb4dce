"""Language models: the client of an OpenAI-compatible endpoint, strict reading of its answers, prices.

Nothing here knows a prompt, a turn or an organization.
"""
