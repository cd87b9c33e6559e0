-- works from: 2
-- What people ask of the gateway, and what came of it.
CREATE TABLE instructions (
    id       bigint PRIMARY KEY,
    kind     text NOT NULL,
    body     bytea NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state    text NOT NULL DEFAULT 'waiting',
    result   bytea NOT NULL DEFAULT '',
    done_at  timestamptz
);
CREATE INDEX instructions_waiting ON instructions (id) WHERE state = 'waiting';

-- The versions of the configuration: everything that is not a box's own.
CREATE TABLE configurations (
    number      bigint PRIMARY KEY,
    at_us       bigint NOT NULL,
    author      bytea NOT NULL,
    approved_by bytea NOT NULL,
    instruction bigint UNIQUE,
    what        bytea NOT NULL,
    digest      text NOT NULL,
    before      text NOT NULL,
    toml        bytea NOT NULL,
    document    bytea NOT NULL
);
CREATE INDEX configurations_by_digest ON configurations (digest);

-- The settings file that each box brought last.
CREATE TABLE configuration_files (
    box    text PRIMARY KEY,
    digest text NOT NULL
);

-- What the nodes of all boxes do at once, each that it concerns: instructions that change nothing durable.
CREATE TABLE orders (
    instruction bigint PRIMARY KEY,
    at_us       bigint NOT NULL,
    body        bytea NOT NULL
);
