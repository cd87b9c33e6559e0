-- works from: 2
-- References lie in generations: `refs` is the newest and the only one that is written; number N that was closed is the
-- table refs_N.  Its rows never change; it is dropped whole.  `began_at_ms` of the newest tells how old it is.
CREATE TABLE reference_generations (
    number        integer PRIMARY KEY,
    began_at_ms   bigint NOT NULL,
    closed_at_ms  bigint,
    -- Before it is dropped, what is still open is carried into the newest: so many of its pages have been.
    carried_pages bigint NOT NULL DEFAULT 0
);
-- All that were closed, newest first; made anew whenever there is another.
CREATE VIEW refs_older AS SELECT NULL::bigint AS hash, NULL::bytea AS parts WHERE false;
-- The newest migration that the run's program knows; 0: a program from before this one, which knows `refs` alone.
ALTER TABLE runs ADD COLUMN knows integer NOT NULL DEFAULT 0;
