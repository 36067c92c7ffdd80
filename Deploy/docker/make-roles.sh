#!/bin/bash
# Run once by PostgreSQL's image, when it makes the database: the role that owns your tables, and Millrace's two.
# The image either runs this file or reads it into its own shell, so it changes nothing there.
set -e
psql --no-psqlrc -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v password="$(cat /run/secrets/owner-password)" <<'END'
CREATE ROLE shopkeeper LOGIN PASSWORD :'password';
ALTER DATABASE :"DBNAME" OWNER TO shopkeeper;
END
psql --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v owner=shopkeeper \
    -v password="$(cat /run/secrets/worker-password)" --file /roles.sql
