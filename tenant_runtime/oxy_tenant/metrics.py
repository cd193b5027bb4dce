"""The tenant runtime's metrics, scraped from ``/metrics``."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECEIVED: Final = Counter("oxy_tenant_messages_received", "Messages written to the journal, by kind.", ["kind"])
LEFT_OUT: Final = Counter(
    "oxy_tenant_messages_left_out",
    "Messages that are not reported: bookkeeping (kind protocol), and chats that the settings leave out.",
    ["chat_type", "kind"],
)
DUPLICATES: Final = Counter("oxy_tenant_messages_repeated", "Duplicate messages dropped.")
LOST: Final = Counter(
    "oxy_tenant_messages_lost",
    "Messages that the library acknowledged but that never reached the journal, by how the loss was found.",
    ["source"],
)
JOURNAL_SECONDS: Final = Histogram(
    "oxy_tenant_journal_commit_seconds",
    "Time to commit to the journal.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1),
)
PUBLISHED: Final = Counter("oxy_tenant_reports_published", "Reports that the bus acknowledged.")
PENDING: Final = Gauge("oxy_tenant_reports_pending", "Reports in the journal that the bus has not acknowledged.")
LIBRARY_ERRORS: Final = Counter(
    "oxy_tenant_library_errors", "Warnings and errors in the library's log, by what they are about.", ["kind"]
)
QUEUED: Final = Gauge("oxy_tenant_queue_entries", "What waits in the journal, by queue.", ["queue"])
OLDEST: Final = Gauge(
    "oxy_tenant_queue_oldest_seconds", "How long the oldest entry of a queue has waited; 0: there is none.", ["queue"]
)
QUEUED_ATTEMPTS: Final = Gauge(
    "oxy_tenant_queue_most_attempts",
    "How often that entry of a queue was tried which was tried most often.",
    ["queue"],
)
PSS: Final = Gauge(
    "oxy_tenant_memory_pss_bytes",
    "Memory of this process, with its part of what it shares; process_resident_memory_bytes has all of that.",
)
REFUSED: Final = Counter("oxy_tenant_publishes_refused", "Publishes refused or timed out; each repeats the window.")
FILES: Final = Counter(
    "oxy_tenant_files_settled", "Files of messages that are on the bus or cannot be had, by outcome.", ["outcome"]
)
FILES_WAITING: Final = Gauge("oxy_tenant_files_waiting", "Files of messages that are to be fetched.")
FILE_BYTES: Final = Counter("oxy_tenant_file_bytes", "Bytes of files that the bus acknowledged.")
FILES_POSTPONED: Final = Counter(
    "oxy_tenant_files_postponed",
    "Attempts to fetch a file that failed for now, by cause: WhatsApp or the bus.",
    ["cause"],
)
ACCEPTED: Final = Counter("oxy_tenant_sends_accepted", "Send requests journalled for the first time.")
REJECTED: Final = Counter("oxy_tenant_sends_rejected", "Send requests rejected as malformed or for another instance.")
POSTPONED: Final = Counter(
    "oxy_tenant_sends_postponed",
    "Attempts to send that certainly did not reach WhatsApp and are repeated, by cause.",
    ["cause"],
)
SENDS: Final = Counter("oxy_tenant_sends_finished", "Send requests with a result, by outcome.", ["outcome"])
SEND_SECONDS: Final = Histogram(
    "oxy_tenant_send_seconds",
    "Time that WhatsApp took to accept a message.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 20, 75),
)
FILLERS: Final = Counter(
    "oxy_tenant_fillers_sent", "Invisible messages sent because a phone might have dropped the next one."
)
VOLUME_FREE: Final = Gauge("oxy_tenant_volume_free_bytes", "Free bytes on the session volume.")
JOURNAL_BYTES: Final = Gauge("oxy_tenant_journal_bytes", "Bytes used in the journal's file.")
TRIMMED: Final = Counter(
    "oxy_tenant_journal_reports_trimmed",
    "Reports that the bus has and that were deleted early, to keep the journal within its share of the volume.",
)
CONNECTED: Final = Gauge("oxy_tenant_connected", "1 while connected to WhatsApp and receiving.")
LOSSES: Final = Counter("oxy_tenant_connection_losses", "Connections lost, by cause.", ["reason"])
SILENCE: Final = Gauge(
    "oxy_tenant_silence_seconds", "Time since WhatsApp last said anything on the present connection; 0 without one."
)
ATTEMPTS: Final = Counter("oxy_tenant_connection_attempts_failed", "Failed attempts to connect, by reason.", ["reason"])
CLIENT: Final = Gauge("oxy_tenant_client_info", "1 for the version that the library claims to be.", ["version"])
CLIENT_AGE: Final = Gauge("oxy_tenant_client_age_seconds", "Time since that version was published, in seconds.")
