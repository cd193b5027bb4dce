"""What Aurora does for an owner: each act says first what will happen, and is done once he has agreed.

Belongs here: finding out what an owner means, the words that he agrees to, and the act itself. Does not belong here:
asking him, and telling a yes from anything else (`oxy_ai.assistants.proposals`).
"""
