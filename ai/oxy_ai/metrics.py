"""Prometheus metrics of the AI worker."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1)

REPORTS: Final = Counter("oxy_ai_reports_total", "Reports read from the bus, by outcome.", ["outcome"])
INGEST_SECONDS: Final = Histogram("oxy_ai_ingest_seconds", "Time to store one batch of reports.", buckets=_SECONDS)
INGEST_BATCH: Final = Histogram(
    "oxy_ai_ingest_batch_reports", "Reports in a batch.", buckets=(1, 2, 5, 10, 20, 50, 100, 200)
)
REPORTS_PARKED: Final = Counter("oxy_ai_reports_parked_total", "Reports parked to be stored later.", ["reason"])
PARKED_REPORTS: Final = Gauge("oxy_ai_parked_reports", "Reports that are parked now, of all instances.")
DEAD_LETTERS_DISCARDED: Final = Counter(
    "oxy_ai_dead_letters_discarded_total", "Dead reports that the bus has discarded before anybody cared.", ["reason"]
)
REPORTS_WAITING: Final = Gauge("oxy_ai_reports_waiting", "Reports held until the settings of their instance arrive.")
TURNS: Final = Counter("oxy_ai_turns_total", "Turns ended, by state and reason.", ["state", "reason"])
TURN_FAILURES: Final = Counter("oxy_ai_turn_failures_total", "Failed attempts at a turn, by kind of error.", ["error"])
TURN_SECONDS: Final = Histogram("oxy_ai_turn_seconds", "Time from claim to end of a turn.", buckets=_SECONDS)
TURNS_IN_FLIGHT: Final = Gauge("oxy_ai_turns_in_flight", "Turns in progress on this worker.")
JOBS: Final = Counter("oxy_ai_jobs_total", "Claims of jobs ended, by kind and outcome.", ["kind", "outcome"])
JOB_SECONDS: Final = Histogram(
    "oxy_ai_job_seconds", "Time from claim to end of a job that did not fail.", ["kind"], buckets=_SECONDS
)
JOB_LATE_SECONDS: Final = Histogram(
    "oxy_ai_job_late_seconds",
    "How much later than planned a job was begun for the first time.",
    ["lane"],
    buckets=(*_SECONDS, 300, 3600),
)
JOBS_IN_FLIGHT: Final = Gauge("oxy_ai_jobs_in_flight", "Jobs in progress on this worker.", ["lane"])
RETENTION_DELETED: Final = Counter(
    "oxy_ai_retention_deleted_total", "Rows that were kept for long enough, and files that expired, by kind.", ["kind"]
)
RETENTION_SECONDS: Final = Histogram(
    "oxy_ai_retention_batch_seconds", "Time of one batch of retention, by kind.", ["kind"], buckets=_FAST
)
MODEL_OUTAGES: Final = Counter(
    "oxy_ai_model_outages_total",
    "Requests that a model's endpoint could not answer: unreachable, busy or unauthorized (mend its key).",
    ["cause"],
)
LEDGER_VIOLATIONS: Final = Gauge(
    "oxy_ledger_violations", "Messages, texts and notices in a state that must not be; `oxy ledger` lists them."
)
NOTICES: Final = Counter("oxy_ai_owner_notices_total", "Things that an owner was told of, by kind.", ["kind"])
REQUESTS_TO_REPEAT: Final = Counter(
    "oxy_ai_requests_to_repeat_total", "Customers asked to send again what was lost, by kind of the loss.", ["kind"]
)
MODEL_SECONDS: Final = Histogram("oxy_ai_model_seconds", "Time of one model response.", ["assistant"], buckets=_SECONDS)
MODEL_TOKENS: Final = Counter("oxy_ai_model_tokens_total", "Tokens, by kind: prompt, cached, completion.", ["kind"])
MODEL_COST: Final = Counter(
    "oxy_ai_model_cost_microdollars_total", "Cost of model responses in millionths of a US dollar."
)
TOOL_CALLS: Final = Counter("oxy_ai_tool_calls_total", "Tool calls, by name and outcome.", ["tool", "outcome"])
OBJECTIONS: Final = Counter(
    "oxy_ai_answer_objections_total",
    "Answers that were not sent as the model wrote them, by what was wrong.",
    ["fault"],
)
CONTEXT_SECONDS: Final = Histogram(
    "oxy_ai_context_seconds", "Time to read those parts of a turn's context that were not kept.", buckets=_FAST
)
CONTEXT_PARTS: Final = Counter(
    "oxy_ai_context_parts_total",
    "Parts of contexts: kept from an earlier turn, read, late or failed.",
    ["part", "outcome"],
)
FILES: Final = Counter(
    "oxy_ai_files_total", "Received files that were stored, deleted or lost, by outcome.", ["outcome"]
)
FILE_BYTES: Final = Counter("oxy_ai_file_bytes_total", "Bytes of received files that were stored.")
READINGS: Final = Counter(
    "oxy_ai_readings_total", "Voice notes and pictures that were read or given up, by outcome.", ["way", "outcome"]
)
READING_SECONDS: Final = Histogram(
    "oxy_ai_reading_seconds", "Time to read a stored voice note or picture.", ["way"], buckets=_SECONDS
)
RELAYED: Final = Counter("oxy_ai_relayed_total", "Texts offered to pods, by outcome.", ["outcome"])
INTERRUPTIONS: Final = Counter(
    "oxy_ai_interruptions_total", "Failures that the worker recovered from, by part and cause.", ["part", "cause"]
)
SETTINGS_APPLIED: Final = Counter(
    "oxy_ai_settings_applied_total", "Instance settings received, by outcome.", ["outcome"]
)
ZONES_REPLACED: Final = Counter(
    "oxy_ai_timezones_replaced_total", "Turns answered in the default time zone, because the instance's is unknown."
)
SCHEDULES_FIRED: Final = Counter(
    "oxy_ai_schedules_fired_total", "Reports to owners that became due, by schedule.", ["name"]
)
REPORTS_WORDED: Final = Counter(
    "oxy_ai_reports_worded_total",
    "Reports to owners: worded by a model, plain because none did, or because what it wrote was unfaithful.",
    ["outcome"],
)
WAKEUPS_RECOVERED: Final = Counter(
    "oxy_ai_wakeups_recovered_total", "Organizations found asleep although a conversation was due; stays 0."
)
TIMES_BROUGHT_FORWARD: Final = Counter(
    "oxy_ai_times_brought_forward_total",
    "Conversations, texts, notices and queues that lay too far ahead, because PostgreSQL's clock was put back.",
)
