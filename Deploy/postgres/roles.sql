-- The roles that Millrace needs on a PostgreSQL server, each with no more than it must have. For psql, as a superuser, in
-- the database that holds your tables:
--
--   psql -v database=shop -v password="'…'" -f roles.sql
--
-- Then, once, as somebody who may become millrace_owner:
--
--   millrace db migrate --database 'postgres://admin@db.example/shop?options=-c%20role%3Dmillrace_owner'
--
-- Then for each table, as its owner, the SQL that `millrace source add … --print-sql` prints when DATABASE_URL is that of
-- millrace_worker: it ends with the GRANTs on that table. Tables that `millrace db copy` makes are attached already:
-- Docs/MovingToPostgreSQL.md has their GRANT.
\set ON_ERROR_STOP on
BEGIN;

-- Owns Millrace's schema and the functions behind the triggers. Nobody connects as it.
CREATE ROLE millrace_owner NOLOGIN;
-- Servers and workers connect as this one. It alters nothing: on a user's table it reads key, text and what it writes, and
-- writes the vector's, the status' and the time's column.
CREATE ROLE millrace_worker LOGIN PASSWORD :password;

GRANT CONNECT ON DATABASE :"database" TO millrace_worker;
CREATE SCHEMA IF NOT EXISTS millrace AUTHORIZATION millrace_owner;
GRANT USAGE ON SCHEMA millrace TO millrace_worker;

-- What is there already, and what millrace_owner makes later.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA millrace TO millrace_worker;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA millrace TO millrace_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE millrace_owner IN SCHEMA millrace
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO millrace_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE millrace_owner IN SCHEMA millrace
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO millrace_worker;

COMMIT;
