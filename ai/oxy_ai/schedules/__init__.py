"""What Aurora writes to owners without being asked: when it is due, and what it says.

Belongs here: the schedules of an instance, which its settings say, and the reports that they have written. Does not
belong here: what each figure counts (`oxy_ai.reports`, `oxy_ai.scheduling`), how jobs run (`oxy_ai.jobs`), and when a
number may write to somebody.
"""
