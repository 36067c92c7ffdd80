"""What users of a SQLite file do besides: REPLACE, which triggers do not see, and rebuilds as migration tools do them."""

from .plan import STATUS, TABLE, Plan


class SQLitePlan(Plan):
    DEEDS = dict(Plan.DEEDS, **{"replace": 8, "replace code": 7, "steal code": 3})
    SELDOM = dict(Plan.SELDOM, rebuild=20)

    @staticmethod
    def create_table():
        return [create_table(TABLE, has_status=False)]

    @staticmethod
    def _create_new(has_status):
        return create_table(f"new_{TABLE}", has_status)

    def _replace(self, at, actor):
        key = self._key()
        self._add(at, actor, "REPLACE on the key", {key},
                  [(f"INSERT OR REPLACE INTO {TABLE}(id, code, body) VALUES (?, ?, ?)",
                    (key, self.codes.get(key, f"c{key}"), self.texts.next()))])

    def _replace_code(self, at, actor):
        """Takes another row's code, so that row goes, and no trigger sees it go."""
        victim, new = self._key(), self._new_key(at)
        code = self.codes.get(victim, f"c{victim}")
        self._add(at, actor, "REPLACE on the second unique column", {victim, new},
                  [(f"INSERT OR REPLACE INTO {TABLE}(id, code, body) VALUES (?, ?, ?)", (new, code, self.texts.next()))])
        self._forget(victim)
        self.codes[new] = code

    def _steal_code(self, at, actor):
        victim, thief = self._key(), self._key()
        if victim == thief:
            return
        code = self.codes[victim]
        self._add(at, actor, "UPDATE OR REPLACE on the second unique column", {victim, thief},
                  [(f"UPDATE OR REPLACE {TABLE} SET code = ? WHERE id = ?", (code, thief))])
        self._forget(victim)
        self.codes[thief] = code


def create_table(name, has_status):
    status = f", {STATUS} TEXT NOT NULL DEFAULT 'pending'" if has_status else ""
    return (f"CREATE TABLE {name}(id INTEGER NOT NULL PRIMARY KEY, code TEXT NOT NULL UNIQUE, body TEXT, vector TEXT, "
            f"updated_at TEXT{status})")
