"""The local environment and its servers; never part of a production image."""
