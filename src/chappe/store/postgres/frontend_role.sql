-- The role of the web pages: it may read, and lay instructions in, and nothing else.  Run again it changes nothing.
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'chappe_frontend') THEN
        CREATE ROLE chappe_frontend LOGIN;
    END IF;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM chappe_frontend;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM chappe_frontend;
GRANT USAGE ON SCHEMA public TO chappe_frontend;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO chappe_frontend;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO chappe_frontend;
-- The store's key: secrets are made of it.
REVOKE ALL ON meta FROM chappe_frontend;
GRANT INSERT (id, kind, body, asked_by) ON instructions TO chappe_frontend;
