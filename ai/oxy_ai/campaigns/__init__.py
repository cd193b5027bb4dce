"""Messages to many customers: who gets one, what it says, when it leaves, and what came of it.

Belongs here: segments and their criteria, texts with variables, the file of a campaign, its approval, the job that
sends it to one recipient, its results. Does not belong here: how an owner is asked (`oxy_ai.aurora`), what only one
line of business knows of its customers (verticals), how much a number may send (the relay).
"""
