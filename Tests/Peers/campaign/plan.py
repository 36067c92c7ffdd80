"""What a campaign does, all of it decided beforehand from a seed: the rows, the user's operations and the faults.

What every database is asked is here; sqlite_plan.py and postgres_plan.py add what is peculiar to theirs.
"""

import random

TABLE = "articles"
COLUMNS = "id, code, body, vector, updated_at"
STATUS = "embedding_status"

WORDS = """
    anchor apple autumn axle bakery balcony bamboo barley basalt beetle bicycle biscuit blanket bolt bridge bronze bucket
    butter cable camera candle canyon carbon carpet castle cedar cello cement cheese chimney cinnamon circuit clarinet
    cliff clover coal cobalt comet compass copper cotton crane cricket crystal curtain desert diesel dolphin donkey drum
    eagle earthquake eclipse elbow engine feather ferry fiddle flannel flour forest fountain furnace galaxy garlic geyser
    ginger glacier glove granite guitar hammer harbour harvest hinge honey horizon hospital iceberg insulin iron island
    ivory jacket jasmine jungle kettle kidney kitchen ladder lantern lawyer leather lemon library lightning limestone
    lizard lobster magnet mango maple marble market meadow mercury meteor mirror monastery monsoon mortgage mosquito
    mountain museum mustard needle nephew nickel notebook nurse oasis ocean olive onion opera orchard orchid otter oven
    oyster paddle palace panther parliament parsley peanut pencil penguin pepper piano pigeon pillow piston planet
    plaster poem police porcelain potato prairie prism prison pulley pumpkin quarry rabbit radio railway raspberry razor
    refugee rhubarb river robot rocket saddle sailor salmon saxophone scissors scorpion screw shampoo silver skeleton
    slipper spider spinach sponge squirrel stadium submarine sugar sulphur surgeon sweater tailor tariff teapot telescope
    theatre thunder tobacco tomato tortoise tractor trumpet tunnel turbine turnip umbrella uranium valley vanilla velvet
    violin volcano walnut warehouse whale wheat whisky widow willow window wizard wolf zebra zinc
    나무 바다 의자 커피 학교 병원 고양이 자전거 도서관 김치
""".split()
BLANKS = [None, "", "   ", "\n\t "]
# Seconds that what was hit stays away, by kind of fault; stops are longer than a lease.
PAUSES = {"worker": (0.1, 2), "server": (0.2, 2), "stop": (6, 9), "database": (0.2, 1.5), "cut": (0, 0)}


class Texts:
    """Texts far apart in meaning, so that a stale vector cannot pass for the right one."""

    def __init__(self, random):
        self.random = random
        self.common = [self.fresh() for _ in range(20)]

    def fresh(self):
        kind = self.random.random()
        if kind < 0.70:
            count = self.random.randint(5, 15)
        elif kind < 0.90:
            count = self.random.randint(20, 60)
        elif kind < 0.99:
            count = self.random.randint(100, 160)
        else:
            count = self.random.randint(300, 400)  # longer than the model reads
        return " ".join(self.random.choice(WORDS) for _ in range(count))

    def next(self):
        kind = self.random.random()
        if kind < 0.08:
            return self.random.choice(self.common)
        if kind < 0.12:
            return self.random.choice(BLANKS)
        return self.fresh()


class Operation:
    """One deed of the user: statements of one transaction.

    Several statements, or `hold` seconds to sit on it, make a transaction of their own, with `pause` seconds after each
    statement; `reads` only reads and sits. `keys` are those that it names, None where it touches the whole table. One
    that `repeats` is done again where the database went away meanwhile, since what follows builds on it.
    """

    def __init__(
            self, number, at, actor, kind, keys, statements, hold=0.0, commits=True, reads=False, pause=0.0, repeats=False):
        self.number = number
        self.at = at
        self.actor = actor
        self.kind = kind
        self.keys = keys
        self.statements = statements
        self.hold = hold
        self.commits = commits
        self.reads = reads
        self.pause = pause
        self.repeats = repeats

    def touches(self, key):
        return not self.reads and (self.keys is None or key in self.keys)

    def __str__(self):
        def short(value):
            text = repr(value)
            return text if len(text) < 60 else text[:57] + "…"

        said = "; ".join(
            f"{sql}" + (f" [{', '.join(short(v) for v in values[:4])}]" if values else "")
            for sql, values in self.statements[:4])
        return f"#{self.number} planned at {self.at:.2f} s by {self.actor}: {self.kind}: {said}"


class Fault:
    """One kill, stop or cut. `victim` is a place, taken modulo those that live; `pause` seconds until it lives again."""

    def __init__(self, at, kind, victim, pause, waits_for_work, delay):
        self.at = at
        self.kind = kind
        self.victim = victim
        self.pause = pause
        self.waits_for_work = waits_for_work
        self.delay = delay


class Plan:
    """Everything about one round, reproduced by its seed and sizes. `faults` says how many of each kind."""

    #: The single deeds of every user, and how often each is done.
    DEEDS = {"insert": 16, "edit": 30, "blank": 4, "same": 6, "pending": 8, "delete": 10, "rekey": 8}
    #: What is done each so many seconds, on average.
    SELDOM = {"bulk edit": 1.5, "some pending": 9, "all pending": 30, "long read": 7, "long write": 11}

    def __init__(self, seed, rows, seconds, faults):
        self.seed = seed
        self.seconds = seconds
        self.texts = Texts(random.Random(f"{seed} texts"))
        self.random = random.Random(f"{seed} workload")
        self.rows = [(key, f"c{key}", self.texts.next()) for key in range(1, rows + 1)]
        # What should be there if every operation ran in the planned order; only used to aim, never to judge.
        self.codes = {key: code for key, code, _ in self.rows}
        self.gone = []
        self.last_key = rows
        self.last_code = rows
        self.operations = []
        #: Rows of a small batch: enough that the workers are seldom idle when they are killed.
        self.scale = max(40, rows // 40)
        self._workload()
        self.operations.sort(key=lambda operation: operation.at)
        for number, operation in enumerate(self.operations):
            operation.number = number
        self.faults = self._faults(faults)

    # The user

    def _workload(self):
        """In the order of time, so that each deed aims at what the ones before it left."""
        deeds = []
        at = 0.0
        while at < self.seconds:
            deed = self.random.choices(list(self.DEEDS), list(self.DEEDS.values()))[0]
            deeds.append((at, deed, (f"user{self.random.randrange(3)}",)))
            at += self.random.expovariate(12)
        for deed, mean in self.SELDOM.items():
            deeds += [(at, deed, ()) for at in self._moments(mean)]
        for at, deed, actor in sorted(deeds):
            getattr(self, "_" + deed.replace(" ", "_"))(at, *actor)

    def _moments(self, mean):
        """At least two moments, `mean` seconds apart on average."""
        at = self.random.uniform(0.2, 0.8) * min(mean, self.seconds / 2)
        while at < self.seconds:
            yield at
            at += min(self.random.uniform(0.5, 1.5) * mean, self.seconds / 2)

    def _add(self, at, actor, kind, keys, statements, **more):
        self.operations.append(Operation(0, at, actor, kind, keys, statements, **more))

    def _key(self):
        return self.random.choice(list(self.codes)) if self.codes else 1

    def _new_key(self, at):
        if self.gone and self.random.random() < 0.4:
            return self.gone.pop(self.random.randrange(len(self.gone)))
        self.last_key += 1
        return self.last_key

    def _new_code(self):
        self.last_code += 1
        return f"c{self.last_code}"

    def _forget(self, key):
        self.codes.pop(key, None)
        self.gone.append(key)

    def _insert(self, at, actor):
        key, code = self._new_key(at), self._new_code()
        self._add(at, actor, "insert", {key},
                  [(f"INSERT INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", (key, code, self.texts.next()))])
        self.codes[key] = code

    def _edit(self, at, actor):
        key = self._key()
        self._add(at, actor, "edit", {key}, [self._set_body(key, self.texts.fresh())])

    def _blank(self, at, actor):
        key = self._key()
        self._add(at, actor, "edit to nothing", {key}, [self._set_body(key, self.random.choice(BLANKS))])

    def _same(self, at, actor):
        key = self._key()
        self._add(at, actor, "edit to the same value", {key}, [(f"UPDATE {TABLE} SET body = body WHERE id = ?", (key,))])

    def _pending(self, at, actor):
        key = self._key()
        self._add(at, actor, "set to pending by hand", {key},
                  [(f"UPDATE {TABLE} SET {STATUS} = 'pending' WHERE id = ?", (key,))])

    def _delete(self, at, actor):
        key = self._key()
        self._add(at, actor, "delete", {key}, [(f"DELETE FROM {TABLE} WHERE id = ?", (key,))])
        self._forget(key)

    def _rekey(self, at, actor):
        key, new = self._key(), self._new_key(at)
        self._add(at, actor, "key change", {key, new}, [(f"UPDATE {TABLE} SET id = ? WHERE id = ?", (new, key))])
        if key in self.codes:
            self.codes[new] = self.codes[key]
            self._forget(key)

    @staticmethod
    def _set_body(key, text, table=TABLE):
        return f"UPDATE {table} SET body = ? WHERE id = ?", (text, key)

    def _some_keys(self, count):
        return self.random.sample(sorted(self.codes), min(len(self.codes), count))

    def _bulk_edit(self, at):
        keys = self._some_keys(self.random.randint(self.scale, 6 * self.scale))
        self._add(at, "batch", f"edit of {len(keys)} rows", set(keys),
                  [self._set_body(key, self.texts.fresh()) for key in keys])

    def _some_pending(self, at):
        self._add(at, "batch", "set some to pending by hand", None,
                  [(f"UPDATE {TABLE} SET {STATUS} = 'pending' WHERE id % 7 = ?", (self.random.randrange(7),))])

    def _all_pending(self, at):
        self._add(at, "batch", "set all to pending by hand", None, [(f"UPDATE {TABLE} SET {STATUS} = 'pending'", ())])

    def _long_read(self, at):
        self._add(at, "reader", "long reading transaction", set(),
                  [(f"SELECT count(*), sum(length(body)) FROM {TABLE}", ())], hold=self.random.uniform(1, 4), reads=True)

    def _long_write(self, at):
        keys = [self._key() for _ in range(5)]
        statements = [self._set_body(key, self.texts.fresh()) for key in keys[:4]]
        statements.append((f"DELETE FROM {TABLE} WHERE id = ?", (keys[4],)))
        commits = self.random.random() < 0.7
        self._add(at, "writer", "long writing transaction" + ("" if commits else ", rolled back"), set(keys), statements,
                  hold=self.random.uniform(0.5, 2.5), commits=commits)

    def _rebuild(self, at):
        """As migration tools do it. Those that build from their own model lose a column that it does not name."""
        forgets_status = self.random.random() < 0.3
        columns = COLUMNS if forgets_status else f"{COLUMNS}, {STATUS}"
        statements = [
            (self._create_new(has_status=not forgets_status), ()),
            (f"INSERT INTO new_{TABLE}({columns}) SELECT {columns} FROM {TABLE}", ()),
            (f"DROP TABLE {TABLE}", ()),
            (f"ALTER TABLE new_{TABLE} RENAME TO {TABLE}", ()),
        ]
        kind = "table rebuild" + (" that forgets the status column" if forgets_status else "")
        self._add(at, "tool", kind, None, statements)

    # The faults

    def _faults(self, counts):
        chance = random.Random(f"{self.seed} faults")
        return sorted(
            (Fault(
                chance.uniform(0.02, 0.98) * self.seconds, kind, chance.randrange(100), chance.uniform(*PAUSES[kind]),
                chance.random() < 0.7, chance.uniform(0, 0.15))
             for kind, count in counts.items() for _ in range(count)),
            key=lambda fault: fault.at)
