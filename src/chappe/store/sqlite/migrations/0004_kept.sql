-- Keys under which clients had something stored, and what they were told: a repeat gets the same answer.
CREATE TABLE kept (
    key         BLOB PRIMARY KEY,
    id          INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    answer      BLOB NOT NULL,
    at_ms       INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX kept_until ON kept (until_ms);
