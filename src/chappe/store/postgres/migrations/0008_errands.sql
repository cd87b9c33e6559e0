-- works from: 2
-- What one box has another one do, and the answer: rows stay until their hour is over.
CREATE TABLE errands (
    instruction bigint   NOT NULL,
    box         text     NOT NULL,
    at_us       bigint   NOT NULL,
    body        bytea    NOT NULL,
    -- 0 open, 1 heard, 2 done
    progress    smallint NOT NULL DEFAULT 0,
    answer      bytea    NOT NULL DEFAULT '',
    PRIMARY KEY (instruction, box)
);
CREATE INDEX errands_undone ON errands (box, instruction) WHERE progress < 2;
