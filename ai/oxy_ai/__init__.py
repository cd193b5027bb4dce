"""The workers that answer customers and owners, shared by all organizations.

`worker` runs the `engine`, which decides what is due in PostgreSQL (`schema`) and asks `assistants` and `model` for
answers. A line of business is a vertical, in a folder of its own. Nothing here speaks to WhatsApp or to Kubernetes.
"""
