"""The oxy command."""
