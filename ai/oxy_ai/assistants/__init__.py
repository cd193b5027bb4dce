"""What an assistant says: routing of turns, dialogue with the model, tools, fixed texts, the interface of a vertical.

Nothing here reads or writes the engine's tables or knows a line of business. Texts for customers and owners are in
`fixed_texts.py`, texts for the model about its tool calls in `refusals.py`, system prompts in the vertical.
"""
