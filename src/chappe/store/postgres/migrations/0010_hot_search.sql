-- works from: 2
-- What people look for among hot messages.  Where there are many already, these are made beside running nodes instead.
DO $$ BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM messages LIMIT 50000) AS some_rows) < 50000 THEN
        CREATE INDEX messages_handset ON messages (handset);
        CREATE INDEX messages_client_ref ON messages (client_ref) WHERE client_ref IS NOT NULL;
    END IF;
END $$;
