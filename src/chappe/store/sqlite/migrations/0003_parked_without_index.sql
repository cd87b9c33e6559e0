-- Early reports are found in memory, all others by the sweep.
DROP TABLE parked_refs;
