"""A WhatsApp Web server and phones for tests."""

__version__ = "0.1.0"
