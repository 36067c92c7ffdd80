#!/usr/bin/env python3
"""Each bad input gives one clear sentence naming the thing and the fix, a meaningful exit code, and leaves nothing half
done. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS and MILLRACE_HOME (a folder of its own)."""

import ctypes
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BINARY = os.environ["MILLRACE_BINARY"]
HOME = Path(os.environ["MILLRACE_HOME"])
USAGE, DATA, UNAVAILABLE, IO, TEMPORARY, NO_PERMISSION, CONFIG = 64, 65, 69, 74, 75, 77, 78
failures = []


def database(name="user.db", wal=True):
    path = HOME / name
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript("""
        CREATE TABLE products(id INTEGER PRIMARY KEY, title TEXT, body TEXT, vec TEXT, n INTEGER, raw BLOB,
            upper TEXT GENERATED ALWAYS AS (upper(title)) VIRTUAL);
        INSERT INTO products(title, body) VALUES ('bolt', 'steel'), ('nut', 'brass');
        CREATE VIEW shown AS SELECT * FROM products;
        CREATE TABLE unkeyed(a TEXT, t TEXT, v TEXT);
        CREATE TABLE nullable(a TEXT UNIQUE, t TEXT, v TEXT);
    """)
    connection.close()
    return path


def run(*arguments, path=None, timeout=60, **environment):
    variables = dict(os.environ, LANG="C", LC_ALL="C", **environment)
    if path is not None:
        variables["DATABASE_URL"] = f"sqlite://{path}"
    return subprocess.run(
        [BINARY, *arguments], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)


def schema(path):
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'millrace_%' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    connection.close()
    return rows


def expect(title, answer, code, *words):
    lines = [line for line in answer.stderr.splitlines() if line.startswith(("error:", "Error:"))]
    problems = []
    if answer.returncode != code:
        problems.append(f"exit {answer.returncode}, not {code}")
    if len(lines) != 1:
        problems.append(f"{len(lines)} error lines")
    problems += [f'no "{word}"' for word in words if word not in answer.stderr]
    report(title, problems, answer.stderr)


def report(title, problems, text=""):
    if problems:
        failures.append(title)
        print(f"FAILED {title}: {'; '.join(problems)}\n    {text.strip()}")
    else:
        print(f"held   {title}")


def add(path, *flags, table="products", key="id", text="title", into="vec", **environment):
    return run(
        "source", "add", "--table", table, "--key", key, "--text", text, "--into", into, *flags, path=path, **environment)


def attaching():
    path = database()
    before = schema(path)
    expect("unknown table", add(path, table="product"), USAGE, '"product"', "products, unkeyed")
    expect("unknown text column", add(path, text="titel"), USAGE, '"titel"', "columns are: id, title")
    expect("unknown vector column", add(path, into="vector"), USAGE, '"vector"', "--into", "columns are")
    expect("missing key", add(path, table="unkeyed", key="a", text="t", into="v"), USAGE, "unkeyed", "PRIMARY KEY")
    expect("nullable key", add(path, table="nullable", key="a", text="t", into="v"), USAGE, '"a"', "NOT NULL")
    expect("key that is none", add(path, key="title"), USAGE, "title", "--key id")
    expect("wrong vector column type", add(path, into="n"), USAGE, '"n"', "INTEGER", "TEXT")
    expect("vector into the text", add(path, into="title"), USAGE, '"title"', "text column")
    expect("generated text column", add(path, text="upper"), USAGE, '"upper"', "generated")
    expect("a view", add(path, table="shown"), USAGE, '"shown"', "view")
    expect("bad template", add(path, "--template", "{title"), USAGE, "brace")
    expect("template with a strange column", add(path, "--template", "{body}"), USAGE, "{body}", "--text")
    expect("unknown model", add(path, "--model", "gpt"), UNAVAILABLE, "gpt", "all-minilm-l6-v2")
    report("nothing was made by any of these", [] if schema(path) == before else ["the schema changed"])

    connection = sqlite3.connect(path)
    connection.execute("CREATE VIEW v_embedding_status_products AS SELECT 1")
    connection.commit()
    with_view = schema(path)
    expect("name taken by another object", add(path), USAGE, "v_embedding_status_products", "--replace")
    report("the other object is as it was", [] if schema(path) == with_view else ["the schema changed"])
    connection.execute("DROP VIEW v_embedding_status_products")
    connection.commit()
    connection.close()

    first = add(path)
    report("a good source is attached", [] if first.returncode == 0 else ["exit"], first.stderr)
    again = add(path)
    report("attached twice, the same: nothing changes, and it says so",
           [] if again.returncode == 0 and "already" in again.stdout else ["exit or text"], again.stdout + again.stderr)
    expect("attached twice, differently", add(path, text="body"), USAGE, '"vec"', "source remove products")
    expect("unknown source", run("source", "remove", "parts", path=path), USAGE, '"parts"', "products")


def files():
    rollback = database("rollback.db", wal=False)
    before = rollback.read_bytes()
    expect("a file that is not WAL", add(rollback), CONFIG, "rollback.db", "--wal")
    report("the file was not touched", [] if rollback.read_bytes() == before else ["it changed"])
    report("with --wal it works", [] if add(rollback, "--wal").returncode == 0 else ["exit"])

    junk = HOME / "junk.db"
    junk.write_bytes(os.urandom(8192))
    expect("not a database", run("status", path=junk), DATA, "junk.db")
    expect("no such folder", run("status", path=HOME / "none/x.db"), CONFIG, "none")
    newer = database("newer.db")
    run("status", path=newer)
    connection = sqlite3.connect(newer)
    connection.execute("INSERT INTO millrace_migration VALUES (999, 'later', 0)")
    connection.commit()
    connection.close()
    expect("a newer version's database", run("status", path=newer), CONFIG, "999", "newer millrace")
    nobody = run("status", DATABASE_URL="postgres://me:secret@127.0.0.1:1/x")
    expect("a PostgreSQL that is not there", nobody, IO, "127.0.0.1:1/x", "cannot be reached", "check host and port")
    expect("a strange URL", run("status", DATABASE_URL="mysql://x"), CONFIG, "mysql://x", "sqlite://")

    locked = database("locked.db")
    holder = sqlite3.connect(locked, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    expect("a locked database", add(locked), TEMPORARY, "locked.db")
    holder.execute("COMMIT")
    holder.close()
    report("nothing half done under the lock", [] if len(schema(locked)) == 5 - 1 else [str(schema(locked))])

    readonly = HOME / "readonly"
    readonly.mkdir()
    path = database("readonly/user.db")
    as_nobody = None
    if os.getuid() == 0:
        def as_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
    readonly.chmod(0o555)
    path.chmod(0o444)
    if os.getuid() == 0:
        for folder in [HOME, *HOME.parents]:
            if not folder.stat().st_mode & 0o001 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o011)
    answer = subprocess.run(
        [BINARY, "source", "add", "--table", "products", "--key", "id", "--text", "title", "--into", "vec"],
        env=dict(os.environ, LC_ALL="C", DATABASE_URL=f"sqlite://{path}"), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60, preexec_fn=as_nobody)
    expect("a read-only database", answer, NO_PERMISSION, "user.db")


def runtime():
    expect("missing model", run("worker", MILLRACE_MODELS=str(HOME / "none")), UNAVAILABLE, "millrace models pull")
    expect("missing runtime", run("worker", MILLRACE_DEPS=str(HOME / "none")), UNAVAILABLE, "millrace models pull")
    expect("cuda is not to be had", run("worker", "--device", "cuda"), CONFIG, "cuda", "DEVICE=auto")
    models = HOME / "models"
    source = Path(os.environ["MILLRACE_MODELS"]) / "all-minilm-l6-v2"
    shutil.copytree(source, models / "all-minilm-l6-v2")
    weights = models / "all-minilm-l6-v2/model.safetensors"
    with open(weights, "r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    expect("one flipped bit in a model", run("models", "verify", MILLRACE_MODELS=str(models)), DATA,
           "model.safetensors", "millrace models pull")
    os.truncate(weights, 40_000_000)
    expect("a model cut short", run("worker", MILLRACE_MODELS=str(models)), DATA, "millrace models pull")
    expect("a bad setting", run("status", PORT="abc"), CONFIG, "PORT", '"abc"', "environment")
    expect("a bad device", run("status", DEVICE="tpu"), CONFIG, "DEVICE", "auto, cpu or cuda")
    expect("no server to search", run("search", "x", PORT="1"), UNAVAILABLE, "millrace serve")
    expect("retry of nothing named", run("jobs", "retry"), USAGE, "--failed")


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    report(what, [f"not within {seconds} s"])
    return False


def port_in_use():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        answer = run("serve", "--workers", "0", PORT=str(port), path=database("port.db"))
        expect("port in use", answer, TEMPORARY, str(port), "--port")
    answer = run("serve", "--host", "0.0.0.0", "--workers", "0", PORT="0", path=database("open.db"))
    expect("an open address without a token", answer, CONFIG, "0.0.0.0", "--allow-open")


def disk_full():
    """A real full disk: a small tmpfs, where this account may mount one."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        print("note   the full disk is tried by root alone")
        return
    disk = HOME / "disk"
    disk.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(disk).encode(), b"tmpfs", 0, b"size=12m") != 0:
        print("note   no tmpfs may be mounted here: the full disk is not tried")
        return
    server = None
    try:
        path = database("disk/user.db")
        report("attached on a small disk", [] if add(path).returncode == 0 else ["exit"])
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        server = subprocess.Popen(
            [BINARY, "serve", "--workers", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, DATABASE_URL=f"sqlite://{path}", PORT=str(port)))

        def ready():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
            except OSError:
                return False

        if not wait_for(ready, 60, "the server on a small disk is ready"):
            return
        connection = sqlite3.connect(path, timeout=10)

        def pending():
            return connection.execute(
                "SELECT count(*) FROM products WHERE embedding_status <> 'completed'").fetchone()[0]

        wait_for(lambda: pending() == 0, 60, "the first rows are embedded")
        filler = disk / "filler"
        file = os.open(filler, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(file, b"x" * 4096)
        except OSError:
            os.close(file)
        status = run("source", "add", "--table", "products", "--key", "id", "--text", "body", "--into", "raw", path=path)
        expect("attaching on a full disk", status, IO, "full")
        wait_for(lambda: not ready(), 30, "/readyz fails while the disk is full")
        filler.unlink()
        began = time.monotonic()
        if wait_for(ready, 20, "/readyz is well again after room was made"):
            report("back within 10 s of room being made", [] if time.monotonic() - began < 10 else ["slower"])
        connection.execute("INSERT INTO products(title) VALUES ('washer')")
        connection.commit()
        if wait_for(lambda: pending() == 0, 60, "work goes on after the full disk"):
            report("work goes on after the full disk", [])
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        report("the database is whole", [] if whole == "ok" else [whole])
        connection.close()
    finally:
        if server is not None:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
        libc.umount2(str(disk).encode(), 2)


attaching()
files()
runtime()
port_in_use()
disk_full()
if failures:
    sys.exit(f"bad_input: {len(failures)} did not hold: {', '.join(failures)}")
print("bad_input: all held")
