"""Deletes what has been kept for as long as an instance's settings say, oldest first, in small batches.

What is kept for how long is pure; what still needs it is decided in the database, where it is deleted. What a person
asks to have forgotten at once is in `oxy_ai.erasures`.
"""
