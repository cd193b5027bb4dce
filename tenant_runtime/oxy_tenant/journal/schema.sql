-- The journal of one instance. Sequences have no gaps; reports are deleted only after the bus acknowledged them.
CREATE TABLE identity (
  epoch TEXT NOT NULL,             -- UUID made with this file
  organization TEXT NOT NULL,
  instance TEXT NOT NULL,
  secret BLOB NOT NULL,            -- key of the message secrets by which own sends are recognised
  published INTEGER NOT NULL DEFAULT 0,      -- every report up to here is acknowledged by the bus
  audited_secret INTEGER NOT NULL DEFAULT 0  -- rows of the library's message secrets up to here are audited
);
CREATE TABLE reports (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL,
  envelope BLOB NOT NULL,
  trace TEXT NOT NULL,                       -- of the envelope, for the log of its publishing
  written_at REAL NOT NULL
);
CREATE TABLE chats (
  chat TEXT PRIMARY KEY,
  last_sequence INTEGER NOT NULL,
  own_sequence INTEGER NOT NULL DEFAULT 0    -- newest message that the business sent from another device
) WITHOUT ROWID;
CREATE TABLE chat_aliases (
  alias TEXT PRIMARY KEY,
  chat TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX chat_aliases_by_chat ON chat_aliases (chat);
CREATE TABLE messages (                      -- ids of received messages, so that each is journalled once
  chat TEXT NOT NULL,
  from_me INTEGER NOT NULL,
  whatsapp_id TEXT NOT NULL,
  seen_at REAL NOT NULL,
  PRIMARY KEY (chat, from_me, whatsapp_id)
) WITHOUT ROWID;
CREATE INDEX messages_by_id ON messages (whatsapp_id);
CREATE INDEX messages_by_age ON messages (seen_at);
CREATE TABLE sends (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT NOT NULL UNIQUE,
  chat TEXT NOT NULL,
  state TEXT NOT NULL,                       -- accepted, sending, or a SendOutcome
  request BLOB,                              -- the envelope; NULL once the request has ended
  attempts INTEGER NOT NULL DEFAULT 0,
  whatsapp_id TEXT,
  accepted_at REAL NOT NULL,
  ended_at REAL
);
CREATE INDEX sends_open ON sends (sequence) WHERE ended_at IS NULL;
CREATE INDEX sends_by_whatsapp_id ON sends (whatsapp_id) WHERE whatsapp_id IS NOT NULL;
CREATE TABLE secrets (                       -- of each attempt to send, to recognise its echo
  secret BLOB PRIMARY KEY,
  request_id TEXT NOT NULL,
  made_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE losses (                        -- messages that never reached the journal
  whatsapp_id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  found_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE owed_fillers (                  -- by contact; see docs/decisions/0012-fillers.md
  contact TEXT PRIMARY KEY,
  fillers INTEGER NOT NULL
) WITHOUT ROWID;
