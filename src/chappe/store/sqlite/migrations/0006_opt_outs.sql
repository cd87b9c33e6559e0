-- Handsets that want to hear no more from the senders of a list, or again; of each what it said last.
CREATE TABLE opt_outs (
    list       TEXT NOT NULL,
    handset    BLOB NOT NULL,
    is_out     INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    at_us      INTEGER NOT NULL,
    word       BLOB NOT NULL,
    reply_id   INTEGER NOT NULL,
    PRIMARY KEY (list, handset)
) WITHOUT ROWID;
CREATE INDEX opt_outs_by_time ON opt_outs (at_us);
