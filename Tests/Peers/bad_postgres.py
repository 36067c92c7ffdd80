#!/usr/bin/env python3
"""A PostgreSQL that cannot be used is refused by every command that opens it with one sentence, which names the place and
the fix, and a meaningful exit code; nothing is made there, no password printed. Needs MILLRACE_BINARY, MILLRACE_DEPS,
MILLRACE_MODELS and MILLRACE_HOME (a folder of its own)."""

import re
from concurrent.futures import ThreadPoolExecutor

from campaign.postgres import psql, server
from refusals import CONFIG, IO, NO_PERMISSION, end, expect, report, run

RIGHT, WRONG = "canary-of-the-right-one", "canary-of-a-wrong-one"
COMMANDS = [
    ["status"], ["source", "add", "--table", "products", "--key", "id", "--text", "title", "--into", "vector"],
    ["serve", "--workers", "0", "--port", "0"], ["worker"]]
# Each with a table of the shopkeeper's, and how it is made.
DATABASES = {"shop": "", "frozen": "", "latin": "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"}


def prepare(url):
    psql(url, f"CREATE ROLE shopkeeper LOGIN PASSWORD '{RIGHT}'")
    for name, rest in DATABASES.items():
        psql(url, f"CREATE DATABASE {name} OWNER shopkeeper {rest}")
        psql(of(url, name), "SET ROLE shopkeeper; CREATE TABLE products(id int PRIMARY KEY, title text, vector real[])")
    psql(url, "ALTER DATABASE frozen SET default_transaction_read_only = on")


def of(url, database):
    return f"{url.rpartition('/')[0]}/{database}"


def places(url):
    """What is tried: its name, the URL, the exit code, what the sentence says."""
    place = f"127.0.0.1:{re.search(r':([0-9]+)/', url)[1]}"
    right = f"postgres://shopkeeper:{RIGHT}@{place}"
    return [
        ("a wrong password", f"postgres://shopkeeper:{WRONG}@{place}/shop", CONFIG,
         [f"{place}/shop", "role shopkeeper", "password"]),
        ("no password", f"postgres://shopkeeper@{place}/shop?passfile=/nowhere", CONFIG,
         [f"{place}/shop", "role shopkeeper", "password", ".pgpass"]),
        ("no such database", f"{right}/nothing", CONFIG, [f"{place}/nothing", "createdb"]),
        ("a database that is set to read only", f"{right}/frozen", NO_PERMISSION,
         [f"{place}/frozen", "read only", "primary"]),
        ("a database in another encoding", f"{right}/latin", CONFIG, [f"{place}/latin", "LATIN1", "ENCODING 'UTF8'"]),
        ("an unknown host", f"postgres://shopkeeper:{RIGHT}@no-such-host.invalid/shop", IO,
         ["no-such-host.invalid", "cannot be reached", "check host and port"]),
    ]


def main():
    url = server("start")
    try:
        prepare(url)
        with ThreadPoolExecutor(len(COMMANDS)) as pool:
            for title, address, code, words in places(url):
                answers = pool.map(lambda command, address=address: run(*command, DATABASE_URL=address), COMMANDS)
                for command, answer in zip(COMMANDS, answers):
                    name = f"{title}, {' '.join(command[:2 if command[0] == 'source' else 1])}"
                    expect(name, answer, code, *words)
                    if "canary" in answer.stdout + answer.stderr:
                        report(f"{name}: no password is printed", ["it is"], answer.stdout + answer.stderr)
        for name in DATABASES:
            made = psql(of(url, name), "SELECT count(*) FROM pg_namespace WHERE nspname = 'millrace'")
            report(f"nothing was made in {name}", [] if made == "0" else ["there is a schema millrace"])
    finally:
        server("stop", url)
    end("bad_postgres")


if __name__ == "__main__":
    main()
