"""What should exist for an instance: pure functions, one file per kind of object."""
