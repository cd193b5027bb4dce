"""One file a revision, named r<number>_<what it changes>.py; each can go back."""
