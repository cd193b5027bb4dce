"""The shared workers that answer customers and owners."""
