#!/usr/bin/env python3
"""A server without workers, which speaks HTTPS and asks for a token, beside a worker that answers it over TCP: two
processes with a data folder each, on one database. Searched with urllib, the openai client and the command line; then
everything that must not work. That is on a SQLite file; a search by text the same way is done on PostgreSQL too, where
nothing is shared but that server and TCP. Needs MILLRACE_BINARY, MILLRACE_DEPS, MILLRACE_MODELS and MILLRACE_HOME (a folder
of its own)."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import openai

from campaign.postgres import psql
from campaign.postgres import server as postgres

BINARY = os.environ["MILLRACE_BINARY"]
HOME = Path(os.environ["MILLRACE_HOME"])
TLS = HOME / "tls"
DATABASE = HOME / "shop.db"
ADMIN = "canary-admin-token-of-the-test"
SHARED = "canary-inference-token-of-the-test"
PASSWORD = "canary-password-of-the-test"
PRODUCTS = """
    CREATE TABLE products(code TEXT NOT NULL PRIMARY KEY, title TEXT, vector {vector});
    INSERT INTO products(code, title) VALUES
        ('boots', 'waterproof hiking boots for wet mountain paths'), ('lamp', 'desk lamp, dimmable, with a USB socket'),
        ('hose', 'garden hose of 20 metres with a spray nozzle');
"""
SENTENCE = {"OK": 0, "TEMPORARY": 75, "UNAVAILABLE": 69, "NO_PERMISSION": 77, "CONFIG": 78}
running = []


def check(condition, words):
    if not condition:
        sys.exit(f"network_test: {words}")


def until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"network_test: not within {seconds} s: {what}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


PORT = free_port()
BASE = f"https://localhost:{PORT}"


def environment(home, **more):
    """Of a process as it would be on a machine of its own: nothing of this one's but where model and runtime lie."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
    kept |= {name: os.environ[name] for name in ("MILLRACE_DEPS", "MILLRACE_MODELS")}
    kept |= {"MILLRACE_HOME": str(HOME / home), "DATABASE_URL": f"sqlite://{DATABASE}", "LC_ALL": "C", "NO_COLOR": "1"}
    return kept | {name: str(value) for name, value in more.items()}


def millrace(*arguments, home="commands", **more):
    return subprocess.run(
        [BINARY, *arguments], env=environment(home, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120)


def refused(title, answer, code, *words):
    """The command ended with `code` and one sentence that says each of `words`."""
    lines = [line for line in answer.stderr.splitlines() if line.startswith("error:")]
    check(answer.returncode == code, f"{title}: exit {answer.returncode}, not {code}: {answer.stderr}")
    check(len(lines) == 1, f"{title}: {len(lines)} sentences: {answer.stderr}")
    for word in words:
        check(word in lines[0], f"{title}: no {word!r} in: {lines[0]}")
    check("canary" not in answer.stdout + answer.stderr, f"{title}: a token was printed")
    print(f"held   {title}")


def start(name, *arguments, **more):
    log = open(HOME / f"{name}.log", "ab")
    process = subprocess.Popen(
        [BINARY, *arguments], env=environment(name, **more), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    running.append(process)
    return process


def stop(process, how=signal.SIGTERM):
    process.send_signal(how)
    code = process.wait(30)
    running.remove(process)
    check(code == (0 if how == signal.SIGTERM else -how), f"a process ended with {code} after signal {how}")


def start_server(name="server", **more):
    return start(
        name, "serve", "--workers", "0", PORT=PORT, MILLRACE_ADMIN_TOKEN=ADMIN, MILLRACE_TLS_CERT=TLS / "live.pem",
        MILLRACE_TLS_KEY=TLS / "live.key", MILLRACE_INFERENCE_TOKEN=SHARED, MILLRACE_INFERENCE_TLS_CA=TLS / "ca.pem",
        MILLRACE_INFERENCE_TLS_CERT=TLS / "client.pem", MILLRACE_INFERENCE_TLS_KEY=TLS / "client.key", **more)


def start_worker(name="worker", **more):
    """On TCP with TLS; `more` says what it asks servers for."""
    return start(
        name, "worker", MILLRACE_INFERENCE_LISTEN="127.0.0.1:0", MILLRACE_INFERENCE_ADVERTISE="localhost",
        MILLRACE_INFERENCE_TLS_CERT=TLS / "server.pem", MILLRACE_INFERENCE_TLS_KEY=TLS / "server.key", **more)


def trusting(authority):
    return ssl.create_default_context(cafile=str(TLS / authority))


def ask(path, body=None, token=ADMIN, authority="ca.pem", method=None):
    """Status, headers and body of a request over HTTPS."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=trusting(authority), timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def answers(path="/healthz"):
    try:
        return ask(path)[0] == 200
    except (urllib.error.URLError, OSError):
        return False


def found(text):
    status, _, body = ask("/api/search", {"text": text, "k": 1})
    return status == 200 and [result["key"] for result in json.loads(body)["results"]]


def client(token=ADMIN, authority="ca.pem"):
    return openai.OpenAI(
        base_url=f"{BASE}/v1", api_key=token, max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=trusting(authority)))


def raises(kind, call, words):
    try:
        call()
    except kind as error:
        return error
    sys.exit(f"network_test: {words}")


def served_certificate():
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as plain:
        with trusting("ca.pem").wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.getpeercert(binary_form=True)


def prepare():
    subprocess.run([str(Path(__file__).parent / "make-certificates"), str(TLS)], check=True)
    for kind in ("pem", "key"):
        shutil.copy(TLS / f"server.{kind}", TLS / f"live.{kind}")
    shop = sqlite3.connect(DATABASE)
    shop.execute("PRAGMA journal_mode = WAL")
    shop.executescript(PRODUCTS.format(vector="BLOB"))
    shop.close()
    attach()


def attach(**more):
    added = millrace(
        "source", "add", "--table", "products", "--key", "code", "--text", "title", "--into", "vector", **more)
    check(added.returncode == 0, f"the table was not attached: {added.stderr}")


def check_settings():
    """What is wrong is said before a port is bound."""
    certificate = {"MILLRACE_TLS_CERT": TLS / "live.pem", "MILLRACE_TLS_KEY": TLS / "live.key"}
    config = SENTENCE["CONFIG"]
    refused("a bind for others without token and TLS", millrace("serve", "--host", "0.0.0.0"), config,
            "0.0.0.0", "MILLRACE_ADMIN_TOKEN", "--allow-open")
    refused("… with TLS and without token", millrace("serve", "--host", "0.0.0.0", **certificate), config, "MILLRACE_ADMIN_TOKEN")
    refused("… with a token and without TLS", millrace("serve", "--host", "0.0.0.0", MILLRACE_ADMIN_TOKEN=ADMIN), config,
            "MILLRACE_TLS_CERT", "--allow-plaintext")
    refused("a short token", millrace("serve", MILLRACE_ADMIN_TOKEN="too-short"), config, "9 characters", "16", "openssl rand")
    refused("a certificate without its key", millrace("serve", MILLRACE_TLS_CERT=TLS / "live.pem"), config, "MILLRACE_TLS_KEY")
    refused("a key of another certificate",
            millrace("serve", MILLRACE_TLS_CERT=TLS / "live.pem", MILLRACE_TLS_KEY=TLS / "client.key"), config, "client.key")
    refused("a worker for others without token", millrace("worker", "--inference-listen", "0.0.0.0:0"), config,
            "MILLRACE_INFERENCE_TOKEN")
    refused("a worker for others without TLS",
            millrace("worker", "--inference-listen", "0.0.0.0:0", MILLRACE_INFERENCE_TOKEN=SHARED), config,
            "MILLRACE_INFERENCE_TLS_CERT", "MILLRACE_ALLOW_PLAINTEXT")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused("a worker's port that is taken",
                millrace("worker", "--inference-listen", address, MILLRACE_INFERENCE_TOKEN=SHARED),
                SENTENCE["TEMPORARY"], address, "--inference-listen")


def check_search():
    until(lambda: found("shoes for the rain") == ["boots"], "the boots are found by their meaning")
    sockets = list(HOME.glob("*/run/*.sock"))
    check(sockets == [], f"nobody answers on a unix socket here: {sockets}")
    check(b"tls://localhost:" in (HOME / "worker.log").read_bytes(), "the worker says where it answers")

    models = client().models.list().data
    vector = client().embeddings.create(model=models[0].id, input=["light for a table", "물"]).data
    check(len(vector) == 2 and len(vector[0].embedding) == 384, "the openai client embeds")
    error = raises(openai.AuthenticationError, lambda: client(token="canary-of-a-wrong-token").models.list(),
                   "a wrong api_key was accepted")
    check(error.code == "invalid_api_key", f"a wrong api_key: {error.body}")
    raises(openai.APIConnectionError, lambda: client(authority="foreign.pem").models.list(), "another authority was believed")

    address = dict(MILLRACE_URL=BASE, MILLRACE_CA=TLS / "ca.pem")
    answer = millrace("search", "something to light a table", "--json", "--k", "1", MILLRACE_ADMIN_TOKEN=ADMIN, **address)
    check(answer.returncode == 0 and '"key":"lamp"' in answer.stdout, f"the command line finds the lamp: {answer.stderr}")
    refused("the command line without token", millrace("search", "lamp", **address), SENTENCE["NO_PERMISSION"],
            "MILLRACE_ADMIN_TOKEN")
    refused("… with another authority",
            millrace("search", "lamp", **(address | {"MILLRACE_CA": TLS / "foreign.pem"}), MILLRACE_ADMIN_TOKEN=ADMIN),
            SENTENCE["UNAVAILABLE"], "MILLRACE_CA", "vouches")
    refused("… with a name that the certificate has not",
            millrace("search", "lamp", **(address | {"MILLRACE_URL": f"https://127.0.0.2:{PORT}"}), MILLRACE_ADMIN_TOKEN=ADMIN),
            SENTENCE["UNAVAILABLE"], "127.0.0.2")
    refused("… without TLS", millrace("search", "lamp", "--port", str(PORT), MILLRACE_ADMIN_TOKEN=ADMIN),
            SENTENCE["UNAVAILABLE"], f"http://127.0.0.1:{PORT}")


def check_doors():
    for path in ("/api/status", "/api/jobs", "/api/events", "/metrics", "/v1/models", "/", "/app.js", "/nothing"):
        for token in (None, "canary-of-a-wrong-token"):
            status, headers, body = ask(path, token=token)
            check(status == 401 or status == 429 and token, f"{path} answered {status} to the token {token}")
            check(b"canary" not in body, f"{path} repeats the token")
    check(ask("/healthz", token=None)[0] == 200, "health needs no token")
    check(b"reasons" not in ask("/readyz", token=None)[2], "readiness says no details without the token")
    check(ask("/metrics")[0] == 200, "the metrics open with the token")
    raises(urllib.error.URLError, lambda: ask("/healthz", authority="foreign.pem"), "another authority was believed")

    plain = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    plain.request("GET", "/healthz", headers={"Host": "localhost"})
    raises((http.client.HTTPException, OSError), plain.getresponse, "the TLS port answered plain HTTP")
    old = trusting("ca.pem")
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
        raises(ssl.SSLError, lambda: old.wrap_socket(connection, server_hostname="localhost"), "TLS 1.1 was accepted")
    print("held   doors")


def check_renewal():
    before = served_certificate()
    for kind in ("pem", "key"):
        shutil.copy(TLS / f"renewed.{kind}", TLS / f"next.{kind}")
        os.replace(TLS / f"next.{kind}", TLS / f"live.{kind}")
    until(lambda: served_certificate() != before, "the renewed certificate is served", 30)
    check(answers("/api/status"), "requests go on after the renewal")
    print("held   renewal")


def check_workers(worker):
    """Queries while workers come and go, and what workers ask for."""
    stop(worker, signal.SIGKILL)
    # Only while it is dead and not yet declared lost is it asked in vain; either way the answer says when to come again.
    status, headers, body = ask("/api/search", {"text": "shoes for the rain"})
    check(status == 503 and int(headers["Retry-After"]) >= 1, f"without a worker: {status} {body}")
    check(ask("/api/search", {"item": "boots", "k": 1})[0] == 200, "more like this needs no worker")

    worker = start_worker(MILLRACE_INFERENCE_TOKEN="canary-another-shared-token")
    until(lambda: b"MILLRACE_INFERENCE_TOKEN" in ask("/api/search", {"text": "rain"})[2], "another token is named", 90)
    check(ask("/api/search", {"text": "rain"})[0] == 503, "a worker with another token is no worker")
    stop(worker)

    worker = start_worker(MILLRACE_INFERENCE_TLS_CA=TLS / "ca.pem")
    until(lambda: found("shoes for the rain") == ["boots"], "a worker that asks for a certificate answers", 90)
    stop(worker)

    # A worker's certificate of another authority: the server does not send it the text.
    stranger = start(
        "stranger", "worker", MILLRACE_INFERENCE_LISTEN="127.0.0.1:0", MILLRACE_INFERENCE_TOKEN=SHARED,
        MILLRACE_INFERENCE_TLS_CERT=TLS / "stranger.pem", MILLRACE_INFERENCE_TLS_KEY=TLS / "stranger.key")
    until(lambda: b"vouches for its certificate" in ask("/api/search", {"text": "rain"})[2], "a strange certificate is named", 90)
    stop(stranger)
    print("held   workers")


def check_postgres():
    """Server and worker with nothing in common but a PostgreSQL, reached over TCP with a password, and each other."""
    url = postgres("start")
    try:
        shop = url.rpartition("/")[0] + "/shop"
        psql(url, f"CREATE ROLE shopkeeper LOGIN PASSWORD '{PASSWORD}'")
        psql(url, "CREATE DATABASE shop OWNER shopkeeper")
        port = re.search(r":(\d+)/", url)[1]
        database = {"DATABASE_URL": f"postgres://shopkeeper:{PASSWORD}@127.0.0.1:{port}/shop"}
        psql(database["DATABASE_URL"], PRODUCTS.format(vector="bytea"))
        attach(home="postgres-commands", **database)
        server = start_server("postgres-server", **database)
        worker = start_worker("postgres-worker", MILLRACE_INFERENCE_TOKEN=SHARED, **database)
        until(lambda: server.poll() is not None or answers("/readyz"), "the server on PostgreSQL is ready")
        until(lambda: found("shoes for the rain") == ["boots"], "the boots are found on PostgreSQL")
        psql(database["DATABASE_URL"], "UPDATE products SET title = 'snow shovel with a long handle' WHERE code = 'hose'")
        until(lambda: found("clearing the driveway in winter") == ["hose"], "the edited row is found by its new text")
        endpoint = psql(shop, "SELECT string_agg(endpoint, ' ') FROM millrace.worker WHERE state = 'ready'")
        check(re.fullmatch(r"tls://localhost:\d+", endpoint), f"the one worker is entered at {endpoint!r}")
        sockets = list(HOME.glob("postgres-*/run/*.sock"))
        check(sockets == [], f"nobody answers on a unix socket on PostgreSQL: {sockets}")
        stop(worker, signal.SIGKILL)
        status, headers, body = ask("/api/search", {"text": "shoes for the rain"})
        check(status == 503 and int(headers["Retry-After"]) >= 1, f"without a worker on PostgreSQL: {status} {body}")
        check(ask("/api/search", {"item": "boots", "k": 1})[0] == 200, "more like this needs no worker")
        stop(server)
    finally:
        end_all()
        postgres("stop", url)
    print("held   PostgreSQL")


def end_all():
    while running:
        process = running.pop()
        process.kill()
        process.wait()


def main():
    prepare()
    check_settings()
    server = start_server()
    worker = start_worker(MILLRACE_INFERENCE_TOKEN=SHARED)
    until(lambda: server.poll() is not None or answers("/readyz"), "the server is ready")
    check_search()
    check_doors()
    check_renewal()
    check_workers(worker)
    stop(server)
    check_postgres()
    for log in HOME.glob("*.log"):
        check(b"canary" not in log.read_bytes(), f"a token is in {log.name}")
    print("network_test: all held")


try:
    main()
finally:
    end_all()
    if sys.exc_info()[0] is not None:
        for log in HOME.glob("*.log"):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-15:], sep="\n    ")
