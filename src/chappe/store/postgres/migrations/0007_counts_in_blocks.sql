-- works from: 2
-- By how much a transaction changed what is counted; the rows of `counts` follow at leisure.  NULL: nothing was, or a
-- program of before wrote the block, which counts in `counts` at once.
ALTER TABLE event_blocks
    ADD COLUMN counted_kinds   smallint[],
    ADD COLUMN counted_names   integer[],
    ADD COLUMN counted_numbers bigint[];
-- The block up to which a run's changes are in `counts`; NULL: all of them are.
ALTER TABLE runs ADD COLUMN folded_seq bigint;
