-- How much of a model's work all workers together may have in hand, and begin. A model that is not here has no limit.
CREATE TABLE millrace.model_limit(
    model text COLLATE "C" PRIMARY KEY,
    concurrency bigint CHECK (concurrency > 0),        -- jobs running at the same time
    per_minute bigint CHECK (per_minute > 0),          -- jobs begun in a minute
    tokens double precision NOT NULL DEFAULT 0,        -- jobs that may begin now, by per_minute
    refilled_at bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What a worker runs, and the rows that it settled in a second of late.
ALTER TABLE millrace.worker ADD COLUMN version text, ADD COLUMN rate double precision NOT NULL DEFAULT 0;

-- Which of several servers does what one alone should do. A term begins with each change of the holder.
CREATE TABLE millrace.leader(
    name text COLLATE "C" PRIMARY KEY,
    term bigint NOT NULL,
    holder text NOT NULL,                              -- empty where the last one said goodbye
    beat bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
INSERT INTO millrace.leader VALUES ('scheduler', 0, '', 0);
