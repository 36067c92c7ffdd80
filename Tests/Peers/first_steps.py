#!/usr/bin/env python3
"""The README's first ten minutes, done by a program: attach a table of one's own, write rows with another program, find
them by meaning a moment later, edit, delete, take the source off. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS
and MILLRACE_HOME (a folder of its own)."""

import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

BINARY = os.environ["MILLRACE_BINARY"]
HOME = Path(os.environ["MILLRACE_HOME"])
DATABASE = HOME / "shop.db"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


PORT = free_port()
SECRET = "a secret of the test"


class Alerts(http.server.BaseHTTPRequestHandler):
    received = []

    def do_POST(self):
        Alerts.received.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


alerts = http.server.HTTPServer(("127.0.0.1", 0), Alerts)
threading.Thread(target=alerts.serve_forever, daemon=True).start()
ENVIRONMENT = dict(
    os.environ, DATABASE_URL=f"sqlite://{DATABASE}", PORT=str(PORT), LC_ALL="C", NO_COLOR="1",
    MILLRACE_ALERT_WEBHOOK=f"http://127.0.0.1:{alerts.server_port}/", MILLRACE_ALERT_SECRET=SECRET)


def check(condition, words):
    if not condition:
        sys.exit(f"first_steps: {words}")


def millrace(*arguments, language="C", code=0):
    answer = subprocess.run(
        [BINARY, *arguments], env=dict(ENVIRONMENT, LC_ALL=language), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120)
    check(answer.returncode == code, f"{arguments} ended with {answer.returncode}: {answer.stderr}")
    check("canary" not in answer.stdout + answer.stderr, "a secret was printed")
    return answer.stdout


def check_help(*command):
    """Every help text, and those of the commands below it, fit into 80 columns."""
    text = millrace(*command, "--help")
    wide = [line for line in text.splitlines() if len(line) > 80]
    check(not wide, f"the help of {command} is wider than 80 columns: {wide}")
    for name in re.findall(r"^  ([a-z]+) ", text.partition("SUBCOMMANDS:")[2], re.MULTILINE):
        check_help(*command, name)


def threads(pid):
    """- Returns: (name, niceness) of each thread."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        _, _, rest = (task / "stat").read_text().rpartition(")")
        found.append(((task / "comm").read_text().strip(), int(rest.split()[16])))
    return found


def until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    sys.exit(f"first_steps: not within {seconds} s: {what}")


def keys(text, **more):
    flags = [flag for name, value in more.items() for flag in (f"--{name}", str(value))]
    return [result["key"] for result in json.loads(millrace("search", text, "--json", *flags))["results"]]


def alert_of(event):
    """The call about `event`, once it has come; signed as a receiver checks it."""
    def named():
        return [call for call in Alerts.received if json.loads(call[1])["event"] == event]

    until(named, f"the alert {event} has come")
    headers, body = named()[0]
    number, moment = headers["Millrace-Id"], headers["Millrace-Time"]
    wanted = hmac.new(SECRET.encode(), f"{number}.{moment}.".encode() + body, hashlib.sha256).hexdigest()
    check(hmac.compare_digest(wanted, headers["Millrace-Signature"]), f"the signature of {event}: {headers} {body}")
    check(abs(time.time() - int(moment)) < 60, f"the time of {event}: {headers}")
    return json.loads(body)


def workers():
    return json.loads(millrace("status", "--json"))["workers"]


def post(path, body, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


shop = sqlite3.connect(DATABASE, timeout=30)
shop.execute("PRAGMA journal_mode = WAL")
shop.executescript("""
    CREATE TABLE "angebote ""neu"" 2"(shop TEXT NOT NULL, sku INTEGER NOT NULL, name TEXT, "비고" TEXT, vec BLOB,
        PRIMARY KEY (shop, sku));
    INSERT INTO "angebote ""neu"" 2" VALUES
        ('KR', 1, 'waterproof hiking boots', 'for wet mountain paths', NULL),
        ('KR', 2, 'espresso machine', 'with a milk frother', NULL),
        ('DE', 1, 'garden hose', '20 metres, with a spray nozzle', NULL);
""")
TABLE = '"angebote ""neu"" 2"'

printed = millrace(
    "source", "add", "--table", 'angebote "neu" 2', "--key", "shop,sku", "--text", "name,비고", "--into", "vec",
    "--template", "{name}: {비고}", "--collection", "offers")
for word in ("trigger", "view", "index", "pending              3  100.00", "skipped              0    0.00"):
    check(word in printed, f"source add says {word!r}: {printed}")

server = subprocess.Popen(
    [BINARY, "serve"], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    text=True)
mortal = None
lines = []
threading.Thread(target=lambda: lines.extend(server.stdout), daemon=True).start()
try:
    def completed():
        return shop.execute(f"SELECT count(*) FROM {TABLE} WHERE embedding_status = 'completed'").fetchone()[0]

    until(lambda: completed() == 3, "three rows embedded", 60)
    until(lambda: keys("shoes for the rain") == ["KR,1", "DE,1", "KR,2"] or keys("shoes for the rain")[0] == "KR,1",
          "the boots are found")
    length = shop.execute(f"SELECT length(vec) FROM {TABLE}").fetchone()[0]
    check(length == 384 * 4, f"the vector has {length} bytes")

    began = time.monotonic()
    shop.execute(f"INSERT INTO {TABLE}(shop, sku, name) VALUES ('DE', 2, 'electric toothbrush')")
    shop.commit()
    until(lambda: "DE,2" in keys("dental care", k=1), "a new row is found a moment later")
    print(f"a new row was found by the command line after {time.monotonic() - began:.2f} s")

    shop.execute(f"UPDATE {TABLE} SET name = 'snow shovel', \"비고\" = NULL WHERE shop = 'DE' AND sku = 2")
    shop.commit()
    until(lambda: keys("clearing the driveway in winter", k=1) == ["DE,2"], "an edited row is found by its new text")
    shop.execute(f"DELETE FROM {TABLE} WHERE shop = 'DE' AND sku = 2")
    shop.commit()
    until(lambda: "DE,2" not in keys("clearing the driveway in winter"), "a deleted row is found no more")
    shop.execute(f"UPDATE {TABLE} SET name = ' ', \"비고\" = NULL WHERE sku = 2")
    shop.commit()
    until(lambda: shop.execute(f"SELECT embedding_status, vec FROM {TABLE} WHERE sku = 2").fetchone() == ("skipped", None),
          "blank text is skipped and its vector cleared")

    status = json.loads(millrace("status", "--json"))
    check(status["jobs"] == {"available": 0, "running": 0, "scheduled": 0, "held": 0, "dead": 0}, f"jobs: {status['jobs']}")
    check(len(status["workers"]) == 1 and status["workers"][0]["state"] == "idle", f"workers: {status['workers']}")
    check(status["sources"][0]["counts"]["skipped"] == 1, f"sources: {status['sources']}")

    similar = post("/api/search", {"item": "KR,1", "k": 5})
    check(similar[0] == 200 and "KR,1" not in [r["key"] for r in similar[1]["results"]], f"more like this: {similar}")
    code, refusal = post("/api/search", {"text": "x", "k": 5}, {"Origin": "http://evil.example"})
    check(code == 403 and refusal["error"]["code"], "a foreign page may not post")
    code, refusal = post("/api/search", {"text": "x", "collection": "nothing"})
    check(code == 404 and "offers" in refusal["error"]["message"], f"an unknown collection names the known: {refusal}")

    # Started by hand: when it dies, nobody sees it die but by its beat. The alert about the rows comes from a look at which
    # it still lives.
    mortal = subprocess.Popen(
        [BINARY, "worker", "--name", "mortal"], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until(lambda: ["mortal", "idle"] in [[worker["name"], worker["state"]] for worker in workers()], "a second worker")
    standing = {nice for name, nice in threads(mortal.pid) if name == "millrace-writer"}
    check(standing == {0}, f"the writer, for whom users' programs wait, does not stand back: {threads(mortal.pid)}")
    check(("millrace", 5) in threads(mortal.pid), f"the rest of a worker does: {threads(mortal.pid)}")

    shop.executemany(
        f"INSERT INTO {TABLE}(shop, sku, name) VALUES ('XX', ?, x'00ff')", [(sku,) for sku in range(10, 16)])
    shop.commit()
    until(lambda: json.loads(millrace("status", "--json"))["jobs"]["dead"] == 6, "rows that are no text fail alone")
    dead = json.loads(millrace("jobs", "list", "--state", "dead", "--json"))["jobs"]
    check(len(dead) == 6 and dead[0]["reason"] == "not_text" and "blob" in dead[0]["error"], f"dead: {dead}")
    readable = shop.execute("SELECT count(*) FROM millrace_job_dead WHERE error LIKE '%blob%'").fetchone()[0]
    check(readable == 6, "the reason is readable in SQL")
    alert = alert_of("rows_failed")
    check(alert["jobs"]["dead"] == alert["new_failures"] == 6, f"the alert: {alert}")
    check("blob" in alert["failures"][0]["example"]["error"], f"the alert: {alert}")
    mortal.kill()
    mortal.wait()
    shop.execute(f"UPDATE {TABLE} SET name = 'wool socks ' || sku WHERE shop = 'XX' AND sku < 13")
    shop.commit()
    until(lambda: json.loads(millrace("status", "--json"))["jobs"]["dead"] == 3, "a mended row is embedded by itself")
    check("3" in millrace("jobs", "retry", "--failed", "--collection", "offers"), "jobs retry says how many")

    korean = millrace("status", language="ko_KR.UTF-8")
    check("작업" in korean, f"Korean is spoken: {korean}")
    wide = max(len(line) for line in millrace("status").splitlines())
    check(wide <= 100, f"the status is {wide} columns wide")

    alert = alert_of("worker_lost")
    check([(worker["name"], worker["pid"]) for worker in alert["workers"]] == [("mortal", mortal.pid)], f"the alert: {alert}")
    numbers = [headers["Millrace-Id"] for headers, _ in Alerts.received]
    check(len(set(numbers)) == len(numbers) == 2, f"two calls, each with an id of its own: {Alerts.received}")
finally:
    if mortal is not None and mortal.poll() is None:
        mortal.kill()
        mortal.wait()
    server.send_signal(signal.SIGTERM)
    code = server.wait(30)
check_help()
check(code == 0, f"the server ended with {code} after SIGTERM")
check(any("Millrace is at http://127.0.0.1:" in line for line in lines), "the address was printed")
check(not any(SECRET in line for line in lines), "a secret was logged")
check("(hidden)" in millrace("doctor"), "doctor hides secrets")

millrace("source", "remove", "offers")
left = shop.execute(
    "SELECT name FROM sqlite_schema WHERE name LIKE '%embedding%' AND name NOT LIKE '%millrace%'").fetchall()
check(left == [], f"nothing of Millrace's is left at the table: {left}")
columns = [row[1] for row in shop.execute(f"PRAGMA table_info({TABLE})")]
check(columns == ["shop", "sku", "name", "비고", "vec"], f"the table is as it was: {columns}")
check(shop.execute(f"SELECT count(*) FROM {TABLE} WHERE vec IS NOT NULL").fetchone()[0] >= 2, "the vectors stay")
print("first_steps: all held")
