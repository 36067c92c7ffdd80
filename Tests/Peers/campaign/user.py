"""Executes the planned operations as other programs would: a foreign connection and a thread for each actor."""

import json
import threading
import time


class Workload:
    """The actors at work. `log` is (operation, seconds since the start when it ended, rows changed or the error)."""

    def __init__(self, plan, database, log_path):
        self.plan = plan
        self.database = database
        self.log = []
        self.refused = []
        #: How often a connection was cut under a user.
        self.aways = 0
        self._file = open(log_path, "w")
        self._lock = threading.Lock()
        self._start = None
        actors = sorted({operation.actor for operation in plan.operations})
        self._threads = [threading.Thread(target=self._act, args=(actor,), daemon=True) for actor in actors]

    def start(self):
        self._start = time.monotonic()
        for thread in self._threads:
            thread.start()

    def is_over(self):
        return not any(thread.is_alive() for thread in self._threads)

    def join(self):
        for thread in self._threads:
            thread.join()
        self._file.close()

    def _act(self, actor):
        connection = self.database.connect(f"user {actor}")
        for operation in self.plan.operations:
            if operation.actor != actor:
                continue
            time.sleep(max(0, self._start + operation.at - time.monotonic()))
            outcome = self._try(connection, operation)
            while outcome is None:
                outcome = self._try(connection, operation)
            self._note(operation, outcome)
        connection.close()

    def _try(self, connection, operation):
        """- Returns: the rows changed or the error; None where it is to be done again."""
        try:
            return self._execute(connection, operation)
        except self.database.Error as error:
            if self.database.is_away(error):
                # Whether a commit that was under way has happened, nobody knows; the end is judged by what is there.
                self.aways += 1
                connection.reconnect()
                return None if operation.repeats else "the connection was cut"
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcome = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            # What is the user's own doing may be refused; anything else is a complaint.
            if not self.database.is_own_doing(error):
                self.refused.append(f"{operation}: {outcome}")
            return outcome

    def _execute(self, connection, operation):
        if len(operation.statements) == 1 and not operation.hold:
            sql, values = operation.statements[0]
            return connection.execute(sql, values).rowcount
        self.database.begin(connection, operation.reads)
        rows = 0
        for sql, values in operation.statements:
            rows += max(connection.execute(sql, values).rowcount, 0)
            time.sleep(operation.pause)
        time.sleep(operation.hold)
        connection.execute("COMMIT" if operation.commits else "ROLLBACK")
        return rows

    def _note(self, operation, outcome):
        with self._lock:
            entry = (operation, time.monotonic() - self._start, outcome)
            self.log.append(entry)
            self._file.write(json.dumps({
                "number": operation.number, "at": round(entry[1], 3), "actor": operation.actor, "kind": operation.kind,
                "outcome": outcome, "keys": None if operation.keys is None else sorted(operation.keys)[:2000],
            }) + "\n")
            self._file.flush()

    def history(self, key):
        """What was done to a row, in the order in which it ended."""
        with self._lock:
            entries = [entry for entry in self.log if entry[0].touches(key)]
        return [f"{at:7.2f} s  {self._shown(operation, key)}  -> {outcome}" for operation, at, outcome in entries]

    @staticmethod
    def _shown(operation, key):
        if len(operation.statements) <= 4:
            return str(operation)
        own = [values for _, values in operation.statements if values and values[-1] == key]
        return f"#{operation.number} {operation.kind}: {str(own)[:90]}"

    def last_texts(self):
        """Texts that were written by planned operations, by key: candidates for rows that are gone."""
        texts = {key: text for key, _, text in self.plan.rows}
        for operation, _, _ in self.log:
            for sql, values in operation.statements:
                if sql.startswith("UPDATE") and "body = ?" in sql:
                    texts[values[1]] = values[0]
                elif sql.startswith("INSERT") and len(values) == 3:
                    texts[values[0]] = values[2]
                elif sql.startswith("COPY"):
                    texts.update((key, text) for key, _, text in values)
        return texts
