-- The versions of the configuration: everything that is not a box's own.
CREATE TABLE configurations (
    number      INTEGER PRIMARY KEY,
    at_us       INTEGER NOT NULL,
    author      BLOB NOT NULL,
    approved_by BLOB NOT NULL,
    instruction INTEGER UNIQUE,
    what        BLOB NOT NULL,
    digest      TEXT NOT NULL,
    before      TEXT NOT NULL,
    toml        BLOB NOT NULL,
    document    BLOB NOT NULL
);
CREATE INDEX configurations_by_digest ON configurations (digest);

-- The settings file that each box brought last.
CREATE TABLE configuration_files (
    box    TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) WITHOUT ROWID;
