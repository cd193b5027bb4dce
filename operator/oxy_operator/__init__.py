"""The operator that turns a WhatsAppInstance into a running tenant."""
