-- works from: 2
-- What clients may still spend: millionths of a currency, or parts where that is empty.
CREATE TABLE credit (
    client    bytea NOT NULL,
    currency  bytea NOT NULL,
    -- What no run has in hand; below nothing where more was taken from the client than was free.
    balance   bigint NOT NULL,
    is_open   smallint NOT NULL,
    -- When a run last found less than it wanted.
    wanted_at timestamptz,
    PRIMARY KEY (client, currency)
);
-- What each run has in hand; its own transactions alone take from it.
CREATE TABLE credit_slices (
    client   bytea NOT NULL,
    currency bytea NOT NULL,
    run      integer NOT NULL,
    units    bigint NOT NULL,
    PRIMARY KEY (client, currency, run)
) WITH (fillfactor = 50);
-- What came back of messages that no operator took; whoever draws next adds it to the balance.
CREATE TABLE credit_returns (
    client   bytea NOT NULL,
    currency bytea NOT NULL,
    units    bigint NOT NULL
);
