"""Golden dialogues: what a conversation must come to, as files that people write and read.

`oxy_ai.evaluation` plays them; `oxy conversations export` makes one of a conversation that went wrong.
"""
