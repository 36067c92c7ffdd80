"""Runs the program where it must refuse, and judges what it says: one sentence, an exit code, no trace of a crash.

Each expectation is a line on stdout; `end` makes the program's exit status of them. Needs MILLRACE_BINARY.
"""

import os
import re
import subprocess
import sys

BINARY = os.environ["MILLRACE_BINARY"]
# sysexits.h
USAGE, DATA, UNAVAILABLE, IO, TEMPORARY, NO_PERMISSION, CONFIG = 64, 65, 69, 74, 75, 77, 78
TRACE = re.compile(r"Fatal error|Stack dump|backtrace|crashed|Program crashed|AddressSanitizer", re.IGNORECASE)
failures = []


def run(*arguments, path=None, timeout=60, through=(), **environment):
    """- Parameters:
    - path: of a SQLite file, where DATABASE_URL is that.
    - through: a command that runs the program, such as setpriv with its options.
    """
    variables = dict(os.environ, LANG="C", LC_ALL="C", **environment)
    if path is not None:
        variables["DATABASE_URL"] = f"sqlite://{path}"
    try:
        return subprocess.run(
            [*through, BINARY, *arguments], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(late.cmd, f"not within {timeout} s", said(late.stdout), said(late.stderr))


def said(output):
    """What a program had written that did not end: bytes or nothing, whatever was asked for."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def expect(title, answer, code, *words):
    """The program ended with `code`, or one of several, and one sentence on stderr that has each of `words`."""
    codes = code if isinstance(code, tuple) else (code,)
    lines = [line for line in answer.stderr.splitlines() if line.strip()]
    sentences = [line for line in lines if line.startswith(("error:", "Error:"))]
    problems = []
    if answer.returncode not in codes:
        problems.append(f"exit {answer.returncode}, not {' or '.join(map(str, codes))}")
    if len(sentences) != 1:
        problems.append(f"{len(sentences)} error lines")
    # Who wrote a wrong command line is told how it is written.
    elif sentences[0].startswith("error:") and len(lines) != 1:
        problems.append(f"{len(lines)} lines on stderr")
    if TRACE.search(answer.stdout + answer.stderr):
        problems.append("a trace of a crash")
    problems += [f'no "{word}"' for word in words if word not in answer.stderr]
    report(title, problems, answer.stderr)


def report(title, problems, text=""):
    if problems:
        failures.append(title)
        print(f"FAILED {title}: {'; '.join(problems)}\n    {text.strip()}", flush=True)
    else:
        print(f"held   {title}", flush=True)


def end(program):
    if failures:
        sys.exit(f"{program}: {len(failures)} did not hold: {', '.join(failures)}")
    print(f"{program}: all held")
