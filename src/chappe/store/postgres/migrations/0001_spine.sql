-- Peers' octets are bytea everywhere: a reference may hold any octet, and text refuses NUL.

CREATE TABLE meta (
    key   text PRIMARY KEY,
    value bytea NOT NULL
);

-- Names of queues, lanes, clients, operators and nodes, so that rows carry small numbers.
CREATE TABLE names (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   bytea NOT NULL UNIQUE
);

-- One row for each life of a node.  Leases bear its number; all moments are the database's own.
CREATE TABLE runs (
    run        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot       smallint NOT NULL,
    writer     integer NOT NULL,
    box        text NOT NULL,
    node       text NOT NULL,
    version    text NOT NULL,
    pids       integer[] NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    told       bytea NOT NULL DEFAULT '',
    -- Its leases are free again, its counts are folded.
    is_cleared boolean NOT NULL DEFAULT false
);
-- The slot makes the run's ids unlike all others: nobody alive shares one.
CREATE UNIQUE INDEX runs_slot ON runs (slot) WHERE ended_at IS NULL;
CREATE INDEX runs_uncleared ON runs (run) WHERE NOT is_cleared;

-- Open messages, and finished ones until they move to history.
CREATE TABLE messages (
    id           bigint PRIMARY KEY,
    client       integer NOT NULL,
    status       smallint NOT NULL,
    queue        integer NOT NULL,
    priority     smallint NOT NULL,
    lane         integer NOT NULL,
    place        bigint NOT NULL,
    due_at_ms    bigint NOT NULL,
    operator     integer,
    sent_at_us   bigint NOT NULL DEFAULT 0,
    final_at_us  bigint NOT NULL DEFAULT 0,
    operator_ref bytea,
    error        bytea,
    -- Keys under which it is searched for in history: made once, when it comes.
    handset      bigint NOT NULL,
    client_ref   integer,
    body         bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Parts of messages that have several; a message of one part keeps all in its own row.
CREATE TABLE parts (
    id           bigint NOT NULL,
    part         smallint NOT NULL,
    status       smallint NOT NULL,
    operator     integer,
    operator_ref bytea NOT NULL,
    sent_at_us   bigint NOT NULL,
    error        bytea,
    PRIMARY KEY (id, part)
) WITH (fillfactor = 80);

-- What waits.  `place` is the moment from which an item is due: when it came, or later.  `run` is who holds it, 0 for
-- nobody; it is in no index, so that a lease rewrites none.  `body` is NULL where the item is the message itself.
CREATE TABLE queue (
    queue     integer NOT NULL,
    priority  smallint NOT NULL,
    lane      integer NOT NULL,
    place     bigint NOT NULL,
    id        bigint NOT NULL,
    run       integer NOT NULL DEFAULT 0,
    attempts  integer NOT NULL DEFAULT 0,
    due_at_ms bigint NOT NULL DEFAULT 0,
    body      bytea,
    PRIMARY KEY (queue, priority, lane, place, id)
) WITH (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);

-- Where a part's answer and its report find each other: whoever comes second reads what the first one left.
-- parts: 18 octets each (message, part, handset); reports: 8 octets each (the parked report).
CREATE TABLE refs (
    hash    bigint PRIMARY KEY,
    parts   bytea NOT NULL DEFAULT '',
    reports bytea NOT NULL DEFAULT '',
    day     integer NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX refs_day ON refs USING brin (day);

-- Reports that matched nothing so far.
CREATE TABLE parked (
    id       bigint PRIMARY KEY,
    operator integer NOT NULL,
    at_ms    bigint NOT NULL,
    body     bytea NOT NULL
);

-- Moments that clients named; a message without one ends by its operator's longest validity.
CREATE TABLE expiries (
    at_ms bigint NOT NULL,
    id    bigint NOT NULL,
    PRIMARY KEY (at_ms, id)
);

-- Messages with the durable mark before a write that must not be repeated.
CREATE TABLE sending (
    id    bigint PRIMARY KEY,
    queue integer NOT NULL
);

-- Messages that a person or a report must decide.
CREATE TABLE held (
    id       bigint PRIMARY KEY,
    queue    integer NOT NULL,
    at_us    bigint NOT NULL,
    reason   bytea NOT NULL,
    priority smallint NOT NULL,
    lane     integer NOT NULL,
    body     bytea
);
CREATE INDEX held_of_queue ON held (queue);

-- Keys under which clients had something stored, and what they were told: a repeat gets the same answer.
CREATE TABLE kept (
    key         bytea PRIMARY KEY,
    id          bigint NOT NULL,
    fingerprint bytea NOT NULL,
    answer      bytea NOT NULL,
    at_ms       bigint NOT NULL,
    until_ms    bigint NOT NULL
);
CREATE INDEX kept_until ON kept (until_ms);

-- Callbacks that were given up.  `body` is NULL where the callback is an MO, which is a message of its own.
CREATE TABLE failed_callbacks (
    id       bigint PRIMARY KEY,
    client   integer NOT NULL,
    queue    integer NOT NULL,
    priority smallint NOT NULL,
    lane     integer NOT NULL,
    at_us    bigint NOT NULL,
    attempts integer NOT NULL,
    reason   bytea NOT NULL,
    body     bytea
);
CREATE INDEX failed_callbacks_of_client ON failed_callbacks (client, id);

-- Clients whose own URL said that it is gone.
CREATE TABLE callbacks_off (
    client bytea PRIMARY KEY,
    url    bytea NOT NULL,
    at_us  bigint NOT NULL,
    reason bytea NOT NULL
);

-- How far each node's operator has proved to have read our answers to its MO.
CREATE TABLE mo_proofs (
    operator integer NOT NULL,
    writer   integer NOT NULL,
    proved   bigint NOT NULL,
    unproved bytea NOT NULL,
    PRIMARY KEY (operator, writer)
);
-- Operators' own ids of MO, for profiles that name where they are.
CREATE TABLE mo_identities (
    operator integer NOT NULL,
    identity bytea NOT NULL,
    at_ms    bigint NOT NULL,
    PRIMARY KEY (operator, identity)
);

-- Events, one row a transaction; seq has no gaps within a writer, which is a node by its name.
CREATE TABLE event_blocks (
    writer integer NOT NULL,
    seq    bigint NOT NULL,
    run    integer NOT NULL,
    at_us  bigint NOT NULL,
    events integer NOT NULL,
    ids    bytea NOT NULL,
    counts bytea NOT NULL,
    lines  bytea NOT NULL,
    PRIMARY KEY (writer, seq)
);
-- They are compressed already.
ALTER TABLE event_blocks ALTER COLUMN lines SET STORAGE EXTERNAL;

CREATE INDEX event_blocks_at ON event_blocks USING brin (at_us) WITH (pages_per_range = 16);

-- How far each copy made from a writer's blocks has come.
CREATE TABLE copies (
    writer   integer NOT NULL,
    name     text NOT NULL,
    seq      bigint NOT NULL,
    position text NOT NULL,
    PRIMARY KEY (writer, name)
);

-- Each counting node has rows of its own: nobody waits for another; the count is their sum.
CREATE TABLE counters (
    minute   bigint NOT NULL,
    event    text NOT NULL,
    client   bytea NOT NULL,
    operator bytea NOT NULL,
    writer   integer NOT NULL,
    count    bigint NOT NULL,
    PRIMARY KEY (minute, event, client, operator, writer)
);

-- How much is open, by what (0 a client's messages, 1 a queue's items, 2 parked reports): each run's own part of the
-- sum, which may be below zero, since one run accepts what another one ends.
CREATE TABLE counts (
    run  integer NOT NULL,
    kind smallint NOT NULL,
    name integer NOT NULL,
    n    bigint NOT NULL,
    PRIMARY KEY (run, kind, name)
) WITH (fillfactor = 50);

-- Finished lives, a partition for each UTC day in which messages came, dropped whole.
CREATE TABLE history (
    day           date NOT NULL,
    id            bigint NOT NULL,
    client        integer NOT NULL,
    operator      integer,
    status        smallint NOT NULL,
    sent_at_us    bigint NOT NULL,
    final_at_us   bigint NOT NULL,
    operator_ref  bytea,
    error         bytea,
    handset       bigint NOT NULL,
    client_ref    integer,
    part_statuses smallint[],
    part_refs     bytea[],
    body          bytea NOT NULL,
    PRIMARY KEY (day, id)
) PARTITION BY LIST (day);
CREATE INDEX history_handset ON history (handset);
CREATE INDEX history_client_ref ON history (client_ref) WHERE client_ref IS NOT NULL;
CREATE INDEX history_operator_ref ON history (operator_ref) WHERE operator_ref IS NOT NULL;
