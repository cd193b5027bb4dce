"""The adapter for neonize: a WhatsApp library in Go (whatsmeow) that is called through its C binding.

Belongs here: loading the library, its objects and callbacks, its session file, and workarounds for its bugs: finding
messages that it lost (`loss_audit`), and ratchets that it rolled back (`sending_chains`, `fillers`). Does not belong
here: anything that another adapter would need too. Loading the library takes 30 MiB, which an ended epoch does not
need, so `assembly` imports this package only to connect.
"""
