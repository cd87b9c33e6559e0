-- Names of queues, lanes, clients and operators, so that rows carry small numbers.
CREATE TABLE names (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
);

-- Open messages, and finished ones until they move to history.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    client       INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    queue        INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    due_at_ms    INTEGER NOT NULL,
    operator     INTEGER,
    sent_at_us   INTEGER NOT NULL DEFAULT 0,
    final_at_us  INTEGER NOT NULL DEFAULT 0,
    operator_ref TEXT,
    error        TEXT,
    body         BLOB NOT NULL
);

-- Parts of messages that have several; a message of one part keeps all in its own row.
CREATE TABLE parts (
    id           INTEGER NOT NULL,
    part         INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    operator_ref TEXT NOT NULL,
    sent_at_us   INTEGER NOT NULL,
    error        TEXT,
    PRIMARY KEY (id, part)
) WITHOUT ROWID;

-- What waits.  body is NULL where the item is the message itself, else a packed receipt.
CREATE TABLE queue (
    queue     INTEGER NOT NULL,
    priority  INTEGER NOT NULL,
    lane      INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    attempts  INTEGER NOT NULL DEFAULT 0,
    body      BLOB,
    PRIMARY KEY (queue, priority, lane, due_at_ms, id)
) WITHOUT ROWID;

-- Moments that clients named; a message without one ends by its operator's longest validity.
CREATE TABLE expiries (
    at_ms INTEGER NOT NULL,
    id    INTEGER NOT NULL,
    PRIMARY KEY (at_ms, id)
) WITHOUT ROWID;

-- References that no longer fit into memory: keyed hashes in generations, dropped whole.
CREATE TABLE reference_generations (
    generation INTEGER PRIMARY KEY,
    rows       INTEGER NOT NULL,
    newest_us  INTEGER NOT NULL
);
CREATE TABLE refs (
    generation INTEGER NOT NULL,
    hash       INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    handset    INTEGER NOT NULL,
    PRIMARY KEY (generation, hash, id, part)
) WITHOUT ROWID;

-- Reports that matched nothing, under each form of their reference.
CREATE TABLE parked (
    id       INTEGER PRIMARY KEY,
    operator INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    body     BLOB NOT NULL
);
CREATE TABLE parked_refs (
    hash INTEGER NOT NULL,
    id   INTEGER NOT NULL,
    PRIMARY KEY (hash, id)
) WITHOUT ROWID;

-- Messages that a person or a receipt must decide.
CREATE TABLE held (
    id       INTEGER PRIMARY KEY,
    queue    INTEGER NOT NULL,
    at_us    INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    priority INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    body     BLOB
);

-- Finished lives in the order in which they ended: what the history mover takes.
CREATE TABLE finished (
    seq INTEGER PRIMARY KEY,
    id  INTEGER NOT NULL
);

-- Operators' own ids of MO, for profiles that name where they are; swept when they are too old to matter.
CREATE TABLE mo_identities (
    operator INTEGER NOT NULL,
    identity BLOB NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (operator, identity)
) WITHOUT ROWID;

-- Events, one row a transaction; seq has no gaps.
CREATE TABLE event_blocks (
    seq    INTEGER PRIMARY KEY,
    run    INTEGER NOT NULL,
    at_us  INTEGER NOT NULL,
    events INTEGER NOT NULL,
    ids    BLOB NOT NULL,
    counts BLOB NOT NULL,
    lines  BLOB NOT NULL
);

-- How far each copy made from the blocks has come.
CREATE TABLE copies (
    name     TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    position TEXT NOT NULL
);

CREATE TABLE counters (
    minute   INTEGER NOT NULL,
    event    TEXT NOT NULL,
    client   TEXT NOT NULL,
    operator TEXT NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (minute, event, client, operator)
) WITHOUT ROWID;

CREATE TABLE runs (
    run        INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL,
    version    TEXT NOT NULL
);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value
);
