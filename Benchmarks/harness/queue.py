"""The Swift program bench-queue, which runs the product's own queue."""

import json
import os
import subprocess

from harness.millrace import Failure
from harness.report import ROOT

PROGRAM = os.environ.get("MILLRACE_BENCH_QUEUE", str(ROOT / ".build/release/bench-queue"))


def words(command, url, numbers):
    return [PROGRAM, command, url, *(f"{name.replace('_', '-')}={number}" for name, number in numbers.items())]


def run(command, url, **numbers):
    """- Returns: what the command printed as JSON, None where it prints nothing."""
    done = subprocess.run(words(command, url, numbers), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"bench-queue {command} ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def together(count, url, **numbers):
    """`count` processes that drain, all begun at once. - Returns: their jobs per second, added up."""
    processes = [
        subprocess.Popen(
            words("drain", url, dict(numbers, waits_for_go=1)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)]
    for process in processes:
        if process.stdout.readline().strip() != "ready":
            raise Failure("bench-queue drain did not get ready")
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    rate = 0
    for process in processes:
        counts = json.loads(process.communicate()[0])
        rate += counts["jobs"] / counts["seconds"]
    return rate
