"""What a business writes to its customers by itself: reminders, thanks, birthdays, each once, when it is due.

Owners write automations in YAML (`document`). What they are due about is found by time (`planner`), then read again,
decided and told by a job (`kind`). A vertical has a set of its own, and birthdays (`vertical.Automated`).
"""
