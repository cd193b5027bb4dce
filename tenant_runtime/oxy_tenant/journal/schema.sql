-- The files of one instance's journals: one after the other, each with an epoch of its own. Reports of a journal are
-- numbered without gaps, and deleted only after the bus acknowledged them. `user_version` is explained in database.py.
CREATE TABLE identity (
  organization TEXT NOT NULL,
  instance TEXT NOT NULL,
  secret BLOB NOT NULL,                      -- key of the message secrets by which own sends are recognised
  epoch TEXT NOT NULL,                       -- UUID of the current journal
  started_at REAL NOT NULL,                  -- when it began
  volume TEXT,                               -- the volume that it began on; NULL: nobody named it
  last_sequence INTEGER NOT NULL DEFAULT 0,  -- of its reports
  stream_sequence INTEGER NOT NULL DEFAULT 0,  -- newest place of a report in the stream
  bus_state TEXT,                            -- what the platform stored of the reports is known by this name
  clock_ahead REAL,                          -- seconds by which our clock was last ahead of WhatsApp's; NULL: unknown
  audited_secret INTEGER                     -- rows of the library's message secrets up to here are audited; NULL: the
                                             -- phone may still be sharing its history, which brings secrets too
);
CREATE TABLE reports (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of writing, through all journals
  message_id TEXT NOT NULL,
  chat TEXT,                                 -- whose message it reports; NULL: it is about no message
  envelope BLOB NOT NULL,
  trace TEXT NOT NULL,                       -- of the envelope, for the log of its publishing
  written_at REAL NOT NULL,
  published INTEGER NOT NULL DEFAULT 0       -- whether the bus has acknowledged it
);
CREATE INDEX reports_waiting ON reports (number) WHERE published = 0;
CREATE INDEX reports_of_chat_waiting ON reports (chat, number) WHERE published = 0;
CREATE INDEX reports_by_age ON reports (written_at);
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
  epoch TEXT NOT NULL,                       -- of the journal in which it was accepted
  chat TEXT NOT NULL,
  state TEXT NOT NULL,                       -- accepted, sending, or a SendOutcome
  request BLOB,                              -- the envelope; NULL once the request has ended
  trace TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  whatsapp_id TEXT,
  accepted_at REAL NOT NULL,
  expires_at REAL,                           -- by our clock; NULL: never
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
