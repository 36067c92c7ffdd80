-- How much of a model's work all workers together may have in hand, and begin. A model that is not here has no limit.
CREATE TABLE millrace_model_limit(
    model TEXT PRIMARY KEY,
    concurrency INTEGER CHECK (concurrency > 0),       -- jobs running at the same time
    per_minute INTEGER CHECK (per_minute > 0),         -- jobs begun in a minute
    tokens REAL NOT NULL DEFAULT 0,                    -- jobs that may begin now, by per_minute
    refilled_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- What a worker runs, and the rows that it settled in a second of late.
ALTER TABLE millrace_worker ADD COLUMN version TEXT;
ALTER TABLE millrace_worker ADD COLUMN rate REAL NOT NULL DEFAULT 0;

-- Which of several servers does what one alone should do. A term begins with each change of the holder.
CREATE TABLE millrace_leader(
    name TEXT PRIMARY KEY,
    term INTEGER NOT NULL,
    holder TEXT NOT NULL,                              -- empty where the last one said goodbye
    beat INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO millrace_leader VALUES ('scheduler', 0, '', 0);
