"""Language models: the client of an OpenAI-compatible endpoint, and prices. Nothing here knows a prompt or a turn."""
