-- The roles that Millrace needs on a PostgreSQL server, each with no more than it must have. Once in each database that
-- holds your tables, as a superuser; `shopkeeper` stands for the role that owns them:
--
--   psql -d shop -v owner=shopkeeper -v password='…' -f roles.sql
--
-- Then, as that owner or as a superuser, Millrace's own tables, which become millrace_owner's; once more after each upgrade,
-- before the new version's servers start:
--
--   DATABASE_URL=postgres://shopkeeper@host/shop millrace db migrate
--
-- Then each of your tables. What is printed is read and run by its owner, and ends with the GRANTs on that table (a schema
-- other than public needs GRANT USAGE ON SCHEMA … TO millrace_worker before):
--
--   DATABASE_URL=postgres://millrace_worker@host/shop millrace source add … --print-sql >attach.sql
--   psql -d shop -U shopkeeper -f attach.sql
--
-- Servers and workers run with the URL of millrace_worker. `millrace source remove` runs with the owner's. In between the
-- owner need not be a member: REVOKE millrace_owner FROM shopkeeper. Tables that `millrace db copy` makes are attached
-- already: Docs/MovingToPostgreSQL.md has their GRANT.
\set ON_ERROR_STOP on
BEGIN;

-- A role is known to the whole server, so another of its databases may have these already.
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_owner') AS is_first \gset
\if :is_first
-- Owns Millrace's schema and the functions behind the triggers. Nobody connects as it.
CREATE ROLE millrace_owner NOLOGIN;
-- Servers and workers connect as this one. It alters nothing: of a table of yours it reads key, text and what it writes, and
-- writes the vector's, the status' and the time's column.
CREATE ROLE millrace_worker LOGIN PASSWORD :'password';
\endif
-- Who attaches tables makes functions in Millrace's schema and hands them to its owner.
GRANT millrace_owner TO :"owner";

GRANT CONNECT ON DATABASE :"DBNAME" TO millrace_worker;
CREATE SCHEMA millrace AUTHORIZATION millrace_owner;
GRANT USAGE ON SCHEMA millrace TO millrace_worker;

-- What millrace_owner makes later.
ALTER DEFAULT PRIVILEGES FOR ROLE millrace_owner IN SCHEMA millrace
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO millrace_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE millrace_owner IN SCHEMA millrace
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO millrace_worker;

-- PostgreSQL hides since when other roles' transactions are open. With this line `millrace status` shows the oldest one; it
-- also lets millrace_worker see the statements that others run, so it is left to you.
-- GRANT pg_read_all_stats TO millrace_worker;

COMMIT;
