"""The revisions, in order; each runs one file of ../sql."""
