"""``python -m oxy_dev seed``: a database as a platform has it after half a year, made in a minute.

What is in it follows from the numbers asked for alone: two databases with the same numbers hold the same conversations.
"""
