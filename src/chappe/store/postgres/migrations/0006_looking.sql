-- works from: 2
-- What people look for in history: a client's messages, what did not go well, and every part by its operator's reference.
CREATE INDEX history_client ON history (client, id);
CREATE INDEX history_status ON history (status, id) WHERE status <> 6;
CREATE INDEX history_part_refs ON history USING gin (part_refs) WHERE part_refs IS NOT NULL;
