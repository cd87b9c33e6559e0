-- works from: 2
-- Handsets that want to hear no more from the senders of a list, or again; of each what it said last.
CREATE TABLE opt_outs (
    list       bytea NOT NULL,
    handset    bytea NOT NULL,
    is_out     boolean NOT NULL,
    message_id bigint NOT NULL,
    at_us      bigint NOT NULL,
    word       bytea NOT NULL,
    reply_id   bigint NOT NULL,
    PRIMARY KEY (list, handset)
);
CREATE INDEX opt_outs_by_time ON opt_outs (at_us);
