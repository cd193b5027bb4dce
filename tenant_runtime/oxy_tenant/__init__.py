"""The tenant pod that holds one WhatsApp connection."""
