-- What clients may still spend: millionths of a currency, or parts where that is empty.
CREATE TABLE credit (
    client   TEXT NOT NULL,
    currency TEXT NOT NULL,
    balance  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    PRIMARY KEY (client, currency)
) WITHOUT ROWID;
