"""The workers that answer customers and owners, shared by all organizations.

`worker` runs the `engine`, which claims due conversations in PostgreSQL (`schema`) and gets answers from `assistants`
and `model`. Each line of business is a vertical, in its own folder. Nothing here talks to WhatsApp or to Kubernetes.
"""
