-- Times are integer microseconds since 1970 UTC. Keys of the user's rows are SQL literals joined by commas, as
-- SQLite's quote() writes them: 17, 'M8x40', 'KR',4711.

CREATE TABLE millrace_meta(
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO millrace_meta VALUES ('database_id', lower(hex(randomblob(16)))), ('feed_floor', '0');

-- Counters that never reset, so that a fence of last year is still smaller than today's.
CREATE TABLE millrace_counter(
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO millrace_counter VALUES ('fence', 0);

-- Holds a row only inside a transaction of Millrace's own: triggers look here to tell its writes from the user's.
CREATE TABLE millrace_guard(
    one INTEGER PRIMARY KEY
);

-- A user's table being watched.
CREATE TABLE millrace_source(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL UNIQUE,
    table_name TEXT NOT NULL,
    definition TEXT NOT NULL,                 -- JSON: columns, template, model, names of the objects made
    model TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('backfilling', 'active', 'suspended')),
    backfill_mode TEXT NOT NULL DEFAULT 'missing' CHECK (backfill_mode IN ('missing', 'all')),
    backfill_after TEXT,                      -- key of the last row that the backfill has passed; NULL before the first
    backfill_done INTEGER NOT NULL DEFAULT 0,
    backfill_total INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);

-- Live work only. A finished job is deleted: the vector that it wrote is the record of its success.
CREATE TABLE millrace_job(
    id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused
    source_id INTEGER NOT NULL REFERENCES millrace_source(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'available' CHECK (state IN ('scheduled', 'available', 'running', 'held')),
    priority INTEGER NOT NULL DEFAULT 0,      -- higher first
    wanted_rev INTEGER NOT NULL DEFAULT 1,    -- grows with every wish to have the row embedded
    claimed_rev INTEGER,                      -- wanted_rev when it was claimed
    attempt INTEGER NOT NULL DEFAULT 0,       -- failures of the work itself
    crashes INTEGER NOT NULL DEFAULT 0,       -- processes that died with this job inside the model
    alone_crashes INTEGER NOT NULL DEFAULT 0, -- of these, with no other job beside it
    fence INTEGER,                            -- of the present claim
    worker_id INTEGER,
    run_at INTEGER,                           -- when a scheduled job becomes available
    error TEXT,                               -- of the last attempt
    UNIQUE (source_id, key)
);
-- Claims read this index alone; scheduled jobs stay off it until they are promoted.
CREATE INDEX millrace_job_available ON millrace_job(crashes, priority DESC) WHERE state = 'available';
CREATE INDEX millrace_job_scheduled ON millrace_job(run_at) WHERE state = 'scheduled';
CREATE INDEX millrace_job_running ON millrace_job(worker_id, fence) WHERE state = 'running';
CREATE INDEX millrace_job_held ON millrace_job(source_id) WHERE state = 'held';

-- Jobs given up, with the whole error and the input that failed.
CREATE TABLE millrace_job_dead(
    source_id INTEGER NOT NULL REFERENCES millrace_source(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    reason TEXT NOT NULL,                     -- a short code to group by
    error TEXT NOT NULL,
    input_hash BLOB,
    died_at INTEGER NOT NULL,
    PRIMARY KEY (source_id, key)
) WITHOUT ROWID;

-- One row per incarnation of a worker process; a restarted worker is a new one.
CREATE TABLE millrace_worker(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('starting', 'ready', 'draining', 'stopped', 'lost')),
    beat INTEGER NOT NULL DEFAULT 0,
    beat_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    device TEXT,
    model TEXT,
    endpoint TEXT,                            -- where it answers Inference.Embed
    in_model TEXT NOT NULL DEFAULT '[]',      -- JSON: fences whose jobs are inside the model now
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    truncated INTEGER NOT NULL DEFAULT 0
);

-- The present embedding of each item; id is the item's number in the index.
CREATE TABLE millrace_embedding(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES millrace_source(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    space TEXT NOT NULL,
    input_hash BLOB NOT NULL,                 -- of the rendered input that the vector stands for
    vector BLOB NOT NULL,                     -- float32, little endian, unit length
    embedded_at INTEGER NOT NULL,
    UNIQUE (source_id, key)
);
CREATE INDEX millrace_embedding_input ON millrace_embedding(input_hash, space);

-- What became visible, in order. An entry names the item; a follower reads the present embedding.
CREATE TABLE millrace_feed(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    at INTEGER NOT NULL
);

CREATE TABLE millrace_follower(
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
