"""What a campaign does, all of it decided beforehand from a seed: the rows, the user's operations and the faults."""

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

    Several statements, or `hold` seconds to sit on it, make a transaction of their own; `reads` only reads and sits.
    `keys` are those that it names, None where it touches the whole table.
    """

    def __init__(self, number, at, actor, kind, keys, statements, hold=0.0, commits=True, reads=False):
        self.number = number
        self.at = at
        self.actor = actor
        self.kind = kind
        self.keys = keys
        self.statements = statements
        self.hold = hold
        self.commits = commits
        self.reads = reads

    def touches(self, key):
        return not self.reads and (self.keys is None or key in self.keys)

    def __str__(self):
        def short(value):
            text = repr(value)
            return text if len(text) < 60 else text[:57] + "…"

        said = "; ".join(
            f"{sql}" + (f" [{', '.join(short(v) for v in values)}]" if values else "") for sql, values in self.statements[:4])
        return f"#{self.number} planned at {self.at:.2f} s by {self.actor}: {self.kind}: {said}"


class Fault:
    """One kill, or one stop. `victim` is a place, taken modulo those that live; `pause` seconds until it lives again."""

    def __init__(self, at, kind, victim, pause, waits_for_work, delay):
        self.at = at
        self.kind = kind
        self.victim = victim
        self.pause = pause
        self.waits_for_work = waits_for_work
        self.delay = delay


class Plan:
    """Everything about one round, reproduced by its seed and sizes."""

    def __init__(self, seed, rows, seconds, worker_kills, server_kills, stops):
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
        self._workload(rows)
        self.faults = self._faults(worker_kills, server_kills, stops)

    # The user

    def _workload(self, rows):
        scale = max(40, rows // 40)  # Enough that the workers are seldom idle when they are killed.
        at = 0.0
        while at < self.seconds:
            actor = f"user{self.random.randrange(3)}"
            self._one(at, actor)
            at += self.random.expovariate(12)
        for at in self._moments(1.5):
            self._bulk_edit(at, scale)
        for at in self._moments(9):
            self._add(at, "batch", "set some to pending by hand", None,
                      [(f"UPDATE {TABLE} SET {STATUS} = 'pending' WHERE id % 7 = ?", (self.random.randrange(7),))])
        for at in self._moments(30):
            self._add(at, "batch", "set all to pending by hand", None, [(f"UPDATE {TABLE} SET {STATUS} = 'pending'", ())])
        for at in self._moments(7):
            self._add(at, "reader", "long reading transaction", set(),
                      [(f"SELECT count(*), sum(length(body)) FROM {TABLE}", ())], hold=self.random.uniform(1, 4), reads=True)
        for at in self._moments(11):
            self._long_write(at)
        for at in self._moments(20):
            self._rebuild(at, forgets_status=self.random.random() < 0.3)
        self.operations.sort(key=lambda operation: operation.at)
        for number, operation in enumerate(self.operations):
            operation.number = number

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

    def _new_key(self):
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

    def _one(self, at, actor):
        kinds = ["insert", "edit", "blank", "same", "replace", "replace code", "steal code", "pending", "delete", "rekey"]
        kind = self.random.choices(kinds, [16, 30, 4, 6, 8, 7, 3, 8, 10, 8])[0]
        key = self._key()
        text = self.texts.fresh() if kind == "edit" else self.texts.next()
        update = f"UPDATE {TABLE} SET"
        if kind == "insert":
            key, code = self._new_key(), self._new_code()
            self._add(at, actor, kind, {key}, [(f"INSERT INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", (key, code, text))])
            self.codes[key] = code
        elif kind == "edit":
            self._add(at, actor, kind, {key}, [(f"{update} body = ? WHERE id = ?", (text, key))])
        elif kind == "blank":
            self._add(at, actor, "edit to nothing", {key},
                      [(f"{update} body = ? WHERE id = ?", (self.random.choice(BLANKS), key))])
        elif kind == "same":
            self._add(at, actor, "edit to the same value", {key}, [(f"{update} body = body WHERE id = ?", (key,))])
        elif kind == "replace":
            self._add(at, actor, "REPLACE on the key", {key},
                      [(f"INSERT OR REPLACE INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", (key, self.codes[key], text))])
        elif kind == "replace code":
            # Takes another row's code, so that row goes, and no trigger sees it go.
            victim, new = key, self._new_key()
            code = self.codes[victim]
            self._add(at, actor, "REPLACE on the second unique column", {victim, new},
                      [(f"INSERT OR REPLACE INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", (new, code, text))])
            self._forget(victim)
            self.codes[new] = code
        elif kind == "steal code":
            victim, thief = key, self._key()
            if victim == thief:
                return
            code = self.codes[victim]
            self._add(at, actor, "UPDATE OR REPLACE on the second unique column", {victim, thief},
                      [(f"UPDATE OR REPLACE {TABLE} SET code = ? WHERE id = ?", (code, thief))])
            self._forget(victim)
            self.codes[thief] = code
        elif kind == "pending":
            self._add(at, actor, "set to pending by hand", {key}, [(f"{update} {STATUS} = 'pending' WHERE id = ?", (key,))])
        elif kind == "delete":
            self._add(at, actor, kind, {key}, [(f"DELETE FROM {TABLE} WHERE id = ?", (key,))])
            self._forget(key)
        elif kind == "rekey":
            new = self._new_key()
            self._add(at, actor, "key change", {key, new}, [(f"{update} id = ? WHERE id = ?", (new, key))])
            self.codes[new] = self.codes.pop(key)
            self.gone.append(key)

    def _bulk_edit(self, at, scale):
        keys = self.random.sample(sorted(self.codes), min(len(self.codes), self.random.randint(scale, 6 * scale)))
        statements = [(f"UPDATE {TABLE} SET body = ? WHERE id = ?", (self.texts.fresh(), key)) for key in keys]
        self._add(at, "batch", f"edit of {len(keys)} rows", set(keys), statements)

    def _long_write(self, at):
        keys = [self._key() for _ in range(5)]
        statements = [(f"UPDATE {TABLE} SET body = ? WHERE id = ?", (self.texts.fresh(), key)) for key in keys[:4]]
        statements.append((f"DELETE FROM {TABLE} WHERE id = ?", (keys[4],)))
        commits = self.random.random() < 0.7
        self._add(at, "writer", "long writing transaction" + ("" if commits else ", rolled back"), set(keys), statements,
                  hold=self.random.uniform(0.5, 2.5), commits=commits)

    def _rebuild(self, at, forgets_status):
        """As migration tools do it. Those that build from their own model lose a column that it does not name."""
        columns = COLUMNS if forgets_status else f"{COLUMNS}, {STATUS}"
        statements = [
            (create_table(f"new_{TABLE}", has_status=not forgets_status), ()),
            (f"INSERT INTO new_{TABLE}({columns}) SELECT {columns} FROM {TABLE}", ()),
            (f"DROP TABLE {TABLE}", ()),
            (f"ALTER TABLE new_{TABLE} RENAME TO {TABLE}", ()),
        ]
        kind = "table rebuild" + (" that forgets the status column" if forgets_status else "")
        self._add(at, "tool", kind, None, statements)

    # The faults

    def _faults(self, worker_kills, server_kills, stops):
        chance = random.Random(f"{self.seed} faults")
        faults = []
        for kind, count in [("worker", worker_kills), ("server", server_kills), ("stop", stops)]:
            for _ in range(count):
                pause = {"worker": chance.uniform(0.1, 2), "server": chance.uniform(0.2, 2), "stop": chance.uniform(6, 9)}[kind]
                faults.append(Fault(
                    chance.uniform(0.02, 0.98) * self.seconds, kind, chance.randrange(100), pause,
                    chance.random() < 0.7, chance.uniform(0, 0.15)))
        return sorted(faults, key=lambda fault: fault.at)


def create_table(name, has_status):
    status = f", {STATUS} TEXT NOT NULL DEFAULT 'pending'" if has_status else ""
    return (f"CREATE TABLE {name}(id INTEGER NOT NULL PRIMARY KEY, code TEXT NOT NULL UNIQUE, body TEXT, vector TEXT, "
            f"updated_at TEXT{status})")
