"""What users of a PostgreSQL table do besides: they hold row locks, meet in deadlocks, write past triggers and partitions, and
forget to end a transaction."""

import random

from .plan import STATUS, TABLE, Plan

#: So few that updates of several in random order meet.
HOT_ROWS = 12
#: Who leaves a transaction open, and for how many seconds.
FORGETFUL, FORGOTTEN_SECONDS = "forgetful", (60, 90)
#: For so long before and after it nothing is planned that would end it, or wait for it: operations and faults may be late.
LATE_SECONDS = (15, 10)
#: Its rows are each so many keys apart.
FORGOTTEN_STEP = 217


class PostgresPlan(Plan):
    DEEDS = dict(Plan.DEEDS, **{"upsert": 12, "update many": 5, "unseen": 2, "in a leaf": 12})
    SELDOM = dict(Plan.SELDOM, **{"tangle": 2.5, "copy": 6, "hold locks": 8, "truncate": 60, "rebuild": 40})

    def __init__(self, seed, rows, seconds, faults, is_partitioned, forgets=False):
        """- Parameter forgets: whether a transaction with row locks is left open for more than a minute."""
        self.is_partitioned = is_partitioned
        #: Keys in each partition that the table gets while the round runs.
        self.later_leaf = max(60, rows // 10)
        #: The first key of each partition, and the first key that has none.
        self.bounds = [0, rows // 3, 2 * rows // 3, rows + self.later_leaf // 2]
        self.first_leaves = len(self.bounds) - 1
        self._choose_forgotten(random.Random(f"{seed} forgotten"), seconds, forgets)
        super().__init__(seed, rows, seconds, faults)

    def create_table(self):
        if not self.is_partitioned:
            return [create_table(TABLE, has_status=False)]
        return [
            create_table(TABLE, has_status=False, is_partitioned=True),
            *(self._create_leaf(number) for number in range(self.first_leaves)),
        ]

    def _create_leaf(self, number):
        return (f"CREATE TABLE IF NOT EXISTS {leaf(number)} PARTITION OF {TABLE} "
                f"FOR VALUES FROM ({self.bounds[number]}) TO ({self.bounds[number + 1]})")

    def _table_of(self, key):
        """The table to write a row to directly."""
        if not self.is_partitioned:
            return TABLE
        return leaf(max(number for number, bound in enumerate(self.bounds) if bound <= key))

    def _new_key(self, at):
        key = super()._new_key(at)
        if self.is_partitioned and key >= self.bounds[-1] - self.later_leaf // 3:
            number = len(self.bounds) - 1
            self.bounds.append(self.bounds[-1] + self.later_leaf)
            self._add(max(0, at - 2), "tool", "a new partition", set(), [(self._create_leaf(number), ())], repeats=True)
        return key

    # The transaction that is forgotten

    def _choose_forgotten(self, chance, seconds, forgets):
        start, hold = chance.uniform(0.15, 0.3) * seconds, chance.uniform(*FORGOTTEN_SECONDS)
        #: From when until when it is open.
        self.forgotten = (start, start + hold) if forgets else None
        #: The rows that it locks, which nobody else names; of one partition, so that others can be made beside it.
        self.forgotten_keys = range(
            4 * HOT_ROWS + chance.randrange(FORGOTTEN_STEP), self.bounds[1] if forgets else 0, FORGOTTEN_STEP)
        self.forgotten_strength = chance.choice(["UPDATE", "NO KEY UPDATE", "SHARE"])

    def _is_forgotten(self, at):
        """Whether what is planned for then may meet it."""
        return self.forgotten is not None and (
            self.forgotten[0] - LATE_SECONDS[0] <= at < self.forgotten[1] + LATE_SECONDS[1])

    def _workload(self):
        super()._workload()
        if self.forgotten:
            self._leave_open(*self.forgotten)

    def _leave_open(self, start, end):
        """The rows are given work and locked before anybody can have done it."""
        keys = tuple(self.forgotten_keys)
        these = f"id IN ({', '.join('?' for _ in keys)})"
        self._add(start, FORGETFUL, "edit of what it will lock", set(keys),
                  [(f"UPDATE {TABLE} SET body = ? WHERE {these}", (self.texts.fresh(), *keys))], repeats=True)
        self._add(start, FORGETFUL, f"forgets a transaction with FOR {self.forgotten_strength}", set(),
                  [(f"SELECT id FROM {self._table_of(keys[0])} WHERE {these} ORDER BY id FOR {self.forgotten_strength}", keys)],
                  hold=end - start, repeats=True)

    def _faults(self, counts):
        """What would kill the database while it is open does so before or after, as evenly."""
        faults = super()._faults(counts)
        if self.forgotten is None:
            return faults
        first, last = 0.02 * self.seconds, 0.98 * self.seconds
        start, end = self.forgotten[0] - LATE_SECONDS[0], self.forgotten[1] + LATE_SECONDS[1]
        for fault in faults:
            if fault.kind == "database" and self._is_forgotten(fault.at):
                at = first + (fault.at - start) / (end - start) * (start - first + last - end)
                fault.at = at if at < start else at - start + end
        return sorted(faults, key=lambda fault: fault.at)

    def _key(self):
        while (key := super()._key()) in self.forgotten_keys:
            pass
        return key

    def _some_keys(self, count):
        return [key for key in super()._some_keys(count) if key not in self.forgotten_keys]

    def _some_pending(self, at):
        if not self._is_forgotten(at):
            super()._some_pending(at)

    def _all_pending(self, at):
        if not self._is_forgotten(at):
            super()._all_pending(at)

    # Deeds of one user

    def _upsert(self, at, actor):
        key = self._key() if self.random.random() < 0.7 else self._new_key(at)
        code = self.codes.get(key, f"c{key}")
        self._add(at, actor, "upsert", {key}, [(
            f"INSERT INTO {TABLE}(id, code, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (key, code, self.texts.next()))])
        self.codes[key] = code

    def _update_many(self, at, actor):
        """One statement over many rows, whose order is the server's."""
        if self._is_forgotten(at):
            return self._edit(at, actor)
        self._add(at, actor, "update of many rows", None, [(
            f"UPDATE {TABLE} SET body = body || ? WHERE id % 31 = ? AND length(body) < 2000",
            (" " + self.texts.fresh()[:20], self.random.randrange(31)))])

    def _unseen(self, at, actor):
        """As a logical replica or a restore writes: no trigger fires."""
        key, other = self._key(), self._key()
        statement = self.random.choice([
            self._set_body(key, self.texts.fresh()), (f"DELETE FROM {TABLE} WHERE id = ?", (key,)),
            (f"UPDATE {TABLE} SET body = NULL WHERE id = ?", (key,))])
        self._add(at, actor, "writes that no trigger sees", {key, other}, [
            ("SET LOCAL session_replication_role = replica", ()), statement, self._set_body(other, self.texts.fresh())])

    def _in_a_leaf(self, at, actor):
        if not self.is_partitioned:
            return self._edit(at, actor)
        key = self._key()
        table = self._table_of(key)
        kind = self.random.randrange(4)
        if kind == 0:
            key = self._new_key(at)
            table, self.codes[key] = self._table_of(key), f"c{key}"
            statement = (f"INSERT INTO {table}(id, code, body) VALUES (?, ?, ?)", (key, f"c{key}", self.texts.next()))
        elif kind == 1:
            statement = (f"DELETE FROM {table} WHERE id = ?", (key,))
            self._forget(key)
        else:
            statement = self._set_body(key, self.texts.next(), table)
        self._add(at, actor, "write into a partition", {key}, [statement])

    # What several do together, or seldom

    @staticmethod
    def _create_new(has_status):
        return create_table(f"new_{TABLE}", has_status)

    def _rebuild(self, at):
        if not self.is_partitioned and not self._is_forgotten(at):
            super()._rebuild(at)

    def _tangle(self, at):
        """Three users change the same rows, each in an order of its own."""
        hot = sorted(self.codes)[:HOT_ROWS]
        for user in range(3):
            keys = self.random.sample(hot, min(len(hot), self.random.randint(3, 6)))
            self._add(at, f"user{user}", "several rows in random order", set(keys),
                      [self._set_body(key, self.texts.fresh()) for key in keys], pause=self.random.uniform(0.002, 0.03))

    def _copy(self, at):
        rows = []
        for _ in range(self.random.randint(self.scale // 4, self.scale)):
            key = self._new_key(at)
            self.codes[key] = self._new_code()
            rows.append((key, self.codes[key], self.texts.next()))
        self._add(at, "batch", f"COPY of {len(rows)} rows", {key for key, _, _ in rows},
                  [(f"COPY {TABLE}(id, code, body) FROM STDIN", rows)])

    def _hold_locks(self, at):
        """Sits on row locks for seconds, as a debugger or an editor with a form open does."""
        keys = sorted(self._some_keys(20))
        marks = ", ".join("?" for _ in keys)
        strength = self.random.choice(["UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"])
        self._add(at, "holder", f"sits on FOR {strength}", set(),
                  [(f"SELECT id FROM {TABLE} WHERE id IN ({marks}) ORDER BY id FOR {strength}", tuple(keys))],
                  hold=self.random.uniform(1, 4))

    def _truncate(self, at):
        """Everything goes and comes anew, or the rows of one partition; of another one than that of a forgotten transaction."""
        table, keys, is_forgotten = TABLE, sorted(self.codes), self._is_forgotten(at)
        if is_forgotten and not self.is_partitioned:
            return
        if self.is_partitioned and (is_forgotten or self.random.random() < 0.5):
            number = self.random.randrange(1 if is_forgotten else 0, self.first_leaves)
            table = leaf(number)
            keys = [key for key in keys if self.bounds[number] <= key < self.bounds[number + 1]]
        rows = [(key, self.codes[key], self.texts.next()) for key in keys]
        self._add(at, "tool", f"TRUNCATE of {table}", None, [
            (f"TRUNCATE {table}", ()), (f"COPY {table}(id, code, body) FROM STDIN", rows)])


def leaf(number):
    return f"{TABLE}_{number}"


def create_table(name, has_status, is_partitioned=False):
    status = f", {STATUS} text NOT NULL DEFAULT 'pending'" if has_status else ""
    # A partitioned table can hold unique only what its partitions are made by.
    unique, rest = ("", " PARTITION BY RANGE (id)") if is_partitioned else (" UNIQUE", "")
    return (f"CREATE TABLE {name}(id bigint NOT NULL PRIMARY KEY, code text NOT NULL{unique}, body text, vector text, "
            f"updated_at text{status}){rest}")
