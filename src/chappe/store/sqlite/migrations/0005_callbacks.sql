-- Callbacks that were given up.  body is NULL where the callback is an MO, which is a message of its own.
CREATE TABLE failed_callbacks (
    id       INTEGER PRIMARY KEY,
    client   INTEGER NOT NULL,
    queue    INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    at_us    INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    body     BLOB
);
CREATE INDEX failed_callbacks_of_client ON failed_callbacks (client, id);

-- Clients whose own URL said that it is gone.
CREATE TABLE callbacks_off (
    client TEXT PRIMARY KEY,
    url    TEXT NOT NULL,
    at_us  INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
