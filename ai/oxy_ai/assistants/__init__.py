"""What an assistant says: the rules before any model is asked, the dialogue, the tools, and the seam to a vertical.

Nothing here reads or writes the engine's tables.
"""
