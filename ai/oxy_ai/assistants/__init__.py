"""What an assistant says: rules before any model is asked, the dialogue, tools, fixed texts, the seam to a vertical.

Nothing here reads or writes the engine's tables or knows a line of business. Words for customers and owners are in
`fixed_texts.py`, words for the model about its tool calls in `refusals.py`, system prompts in the vertical.
"""
