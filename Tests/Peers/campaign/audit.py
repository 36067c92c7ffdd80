"""Who claimed, freed and settled each job, written down by triggers on Millrace's own tables, and whether each might."""

# The triggers note while the job's row is locked, so that the numbers of one job's events are in the order of what happened.
INSTALL = """
CREATE SCHEMA audit;
CREATE TABLE audit.event(
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, job bigint, key text NOT NULL, fence bigint,
    app text NOT NULL DEFAULT current_setting('application_name'), txid xid8 NOT NULL DEFAULT pg_current_xact_id());

CREATE FUNCTION audit.note_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit.event(kind, job, key, fence)
    SELECT 'freed', o.id, o.key, o.fence FROM old_rows AS o JOIN new_rows AS n USING (id)
    WHERE o.state = 'running' AND (n.state <> 'running' OR n.fence <> o.fence);
    INSERT INTO audit.event(kind, job, key, fence)
    SELECT 'claimed', n.id, n.key, n.fence FROM old_rows AS o JOIN new_rows AS n USING (id)
    WHERE n.state = 'running' AND (o.state <> 'running' OR n.fence <> o.fence);
    RETURN NULL;
END $$;
CREATE FUNCTION audit.note_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit.event(kind, job, key, fence)
    SELECT 'settled', id, key, fence FROM old_rows WHERE state = 'running';
    RETURN NULL;
END $$;
CREATE FUNCTION audit.note_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit.event(kind, key) SELECT 'vector', key FROM new_rows;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_update AFTER UPDATE ON millrace.job REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit.note_update();
CREATE TRIGGER audit_delete AFTER DELETE ON millrace.job REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit.note_delete();
CREATE TRIGGER audit_insert_vector AFTER INSERT ON millrace.embedding REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit.note_vector();
CREATE TRIGGER audit_update_vector AFTER UPDATE ON millrace.embedding REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit.note_vector();
"""

# A worker settles what the job's last event says that it has claimed, and under that fence.
STOLEN = """
SELECT job, key, app, fence, last_kind, last_app, last_fence FROM (
    SELECT *, lag(kind) OVER job AS last_kind, lag(app) OVER job AS last_app, lag(fence) OVER job AS last_fence
    FROM audit.event WHERE kind <> 'vector' WINDOW job AS (PARTITION BY job ORDER BY seq)) AS event
WHERE kind = 'settled' AND app LIKE 'millrace worker%'
    AND (last_kind IS DISTINCT FROM 'claimed' OR last_app <> app OR last_fence <> fence)
ORDER BY seq
"""
# It writes a vector in the transaction that settles the job, or not at all.
LOOSE = """
SELECT v.key, v.app FROM audit.event AS v
WHERE v.kind = 'vector' AND v.app LIKE 'millrace worker%' AND NOT EXISTS (
    SELECT FROM audit.event AS s WHERE s.kind = 'settled' AND s.key = v.key AND s.txid = v.txid)
ORDER BY v.seq
"""
TAKEN = """
SELECT count(*) FROM unnest(?::bigint[], ?::bigint[]) AS held(job, fence) JOIN audit.event AS e USING (job, fence)
WHERE e.kind = 'freed' AND e.app <> ?
"""


class Audit:
    """Judges the settlements of a round. Supervised workers bear their server's name and are not told apart from it."""

    def __init__(self, database):
        self.database = database

    def start(self):
        session = self.database.connect("campaign audit")
        session.execute(INSTALL)
        session.close()

    def end(self, firing):
        """- Returns: complaints."""
        session = self.database.connect("campaign audit")
        self.counts = dict(session.execute("SELECT kind, count(*) FROM audit.event GROUP BY kind").fetchall())
        complaints = [
            f"job {job} (row {key}) was settled by {app} under fence {fence}, but had been {kind} by {other} under {last}"
            for job, key, app, fence, kind, other, last in session.execute(STOLEN).fetchall()]
        complaints += [f"{app} wrote a vector of row {key} without settling its job"
                       for key, app in session.execute(LOOSE).fetchall()]
        self.stops, self.taken = 0, 0
        for name, held in firing.stops:
            jobs, fences = list(held), [fence for fence, _ in held.values()]
            taken = session.execute(TAKEN, (jobs, fences, name)).fetchone()[0]
            self.stops += taken > 0
            self.taken += taken
        self.all_stops = len(firing.stops)
        session.close()
        return complaints

    def report(self):
        return [
            f"{self.counts.get('claimed', 0)} claims, {self.counts.get('settled', 0)} settlements of a running job, "
            f"{self.counts.get('freed', 0)} taken or handed back; none settled but by its claimant",
            f"{self.stops} of {self.all_stops} workers were stopped past their lease while they held jobs; of the "
            f"{self.taken} jobs taken from them they settled none when they went on"]
