#!/usr/bin/env python3
"""Each bad input gives one clear sentence naming the thing and the fix, a meaningful exit code, and leaves nothing half
done. Files and command lines here, servers in bad_postgres.py. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS and
MILLRACE_HOME (a folder of its own)."""

import ctypes
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from refusals import (
    BINARY, CONFIG, DATA, IO, NO_PERMISSION, TEMPORARY, UNAVAILABLE, USAGE, end, expect, report, run)

HOME = Path(os.environ["MILLRACE_HOME"])
ATTACH = ["source", "add", "--table", "products", "--key", "id", "--text", "title", "--into", "vec"]
# Those that stay until they are stopped; the server does without workers of its own.
SERVICES = [["serve", "--workers", "0", "--port", "0"], ["worker"]]


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


def schema(path):
    """All of it, Millrace's own included."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").fetchall()
    connection.close()
    return rows


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
    run("db", "migrate", path=newer)
    connection = sqlite3.connect(newer)
    connection.execute("INSERT INTO millrace_migration VALUES (999, 'later', 0)")
    connection.commit()
    connection.close()
    for command in [["status"], *SERVICES]:
        expect(f"a newer version's database, {command[0]}", run(*command, path=newer), CONFIG, "999", "newer millrace")
    nobody = run("status", DATABASE_URL="postgres://me:secret@127.0.0.1:1/x")
    expect("a PostgreSQL that is not there", nobody, IO, "127.0.0.1:1/x", "cannot be reached", "check host and port")
    expect("a strange URL", run("status", DATABASE_URL="mysql://x"), CONFIG, "mysql://x", "sqlite://")


def absent():
    """A file that is not there is named and not made, nor anything beside it."""
    folder = HOME / "absent"
    folder.mkdir()
    path = folder / "shop.db"
    for command in (["status"], ["source", "list"], ATTACH, ["jobs", "list"]):
        expect(f"a database file that is not there, {' '.join(command[:2])}", run(*command, path=path), CONFIG, str(path))
    # It asks the server, which alone opens the database.
    expect("a database file that is not there, search", run("search", "x", path=path, PORT="1"), UNAVAILABLE, "millrace serve")
    left = [file.name for file in folder.iterdir()]
    report("no file was made", [f"there are {left}"] if left else [])


def printing():
    path = database("printed.db")
    before, bytes_before = schema(path), path.read_bytes()
    printed = run(*ATTACH, "--print-sql", path=path)
    is_right = printed.returncode == 0 and "CREATE TRIGGER" in printed.stdout
    report("--print-sql prints the triggers", [] if is_right else ["exit or text"], printed.stdout[:500] + printed.stderr)
    report("--print-sql makes nothing",
           [f"there is {name}" for _, name, _ in sorted(set(schema(path)) - set(before))[:3]])
    report("--print-sql leaves the file as it was", [] if path.read_bytes() == bytes_before else ["it changed"])


def locked():
    """All at once: each waits 10 s for the lock."""
    path = database("locked.db")
    before = schema(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    commands = [ATTACH, *SERVICES]
    with ThreadPoolExecutor(len(commands)) as pool:
        for command, answer in zip(commands, pool.map(lambda command: run(*command, path=path), commands)):
            expect(f"a locked database, {command[0]}", answer, TEMPORARY, "locked.db", "another program")
    holder.execute("COMMIT")
    holder.close()
    report("nothing half done under the lock", [] if schema(path) == before else ["the schema changed"])


def read_only():
    folder = HOME / "readonly"
    folder.mkdir()
    path = database("readonly/user.db")
    folder.chmod(0o555)
    path.chmod(0o444)
    # Root may write everything, unless it gives up just that.
    anything = "-dac_override,-dac_read_search"
    through = ["setpriv", f"--inh-caps={anything}", f"--bounding-set={anything}"] if os.getuid() == 0 else []
    for command in [ATTACH, *SERVICES]:
        answer = run(*command, path=path, through=through)
        expect(f"a read-only database, {command[0]}", answer, NO_PERMISSION, "user.db", "can be read but not written")


def runtime():
    expect("missing model", run("worker", MILLRACE_MODELS=str(HOME / "none")), UNAVAILABLE, "millrace models pull")
    serving_without_model()
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
    expect("one flipped bit in a worker's model", run("worker", MILLRACE_MODELS=str(models), timeout=40), (DATA, UNAVAILABLE),
           "model.safetensors", "millrace models pull")
    os.truncate(weights, 40_000_000)
    expect("a model cut short", run("worker", MILLRACE_MODELS=str(models)), DATA, "millrace models pull")
    expect("a bad setting", run("status", PORT="abc"), CONFIG, "PORT", '"abc"', "environment")
    expect("a bad device", run("status", DEVICE="tpu"), CONFIG, "DEVICE", "auto, cpu or cuda")
    expect("no server to search", run("search", "x", PORT="1"), UNAVAILABLE, "millrace serve")
    expect("retry of nothing named", run("jobs", "retry"), USAGE, "--failed")


def serving_without_model():
    """The server's worker says what is missing and is not started again and again; the server goes on, and ends as asked."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    said, log = HOME / "modelless.err", HOME / "modelless.log"
    with open(said, "wb") as errors, open(log, "wb") as output:
        server = subprocess.Popen(
            [BINARY, "serve", "--workers", "1"], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            env=dict(os.environ, LC_ALL="C", DATABASE_URL=f"sqlite://{database('modelless.db')}", PORT=str(port),
                     MILLRACE_MODELS=str(HOME / "none")))
    try:
        wait_for(lambda: b"a restart does not mend" in log.read_bytes(), 30, "the server says that its worker ended for good")
        wait_for(lambda: is_ready(port), 30, "the server without a model is ready")
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            code = server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            code = server.wait()
    answer = subprocess.CompletedProcess(server.args, code, log.read_text(errors="replace"), said.read_text(errors="replace"))
    expect("missing model, serve", answer, 0, "all-minilm-l6-v2", "millrace models pull")


def is_ready(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
    except OSError:
        return False


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
            return is_ready(port)

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
absent()
printing()
locked()
read_only()
runtime()
port_in_use()
disk_full()
end("bad_input")
