"""procrastinate and Celery with jobs that do nothing, as their manuals call them. Neither is needed."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE_SECONDS = 120
TASKS = """
from celery import Celery

app = Celery("tasks", broker="{broker}")
app.conf.task_ignore_result = True


@app.task
def nothing():
    pass
"""


def measure(postgres, jobs):
    """Yields for each peer its name and its rate in words, or why it has none."""
    for name, peer in [
        ("procrastinate", lambda: procrastinate(postgres, jobs)), ("Celery and Redis, two processes", lambda: celery(jobs)),
    ]:
        try:
            yield name, f"{peer():,.0f} jobs/s"
        except (ImportError, OSError, TimeoutError) as error:
            yield name, f"not measured: {error}"


def procrastinate(postgres, jobs):
    """One worker with ten jobs at a time, on a table of which the planner knows how large it is."""
    import procrastinate as library

    url = postgres.create()
    app = library.App(connector=library.PsycopgConnector(conninfo=url))

    @app.task(name="nothing")
    async def nothing():
        pass

    async def run():
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for start in range(0, jobs, 1000):
                await nothing.batch_defer_async(*({} for _ in range(min(1000, jobs - start))))
            postgres.settle(url)
            began = time.perf_counter()
            await app.run_worker_async(wait=False, concurrency=10)
            return jobs / (time.perf_counter() - began)

    return asyncio.run(run())


def redis_server(folder):
    """Debian's server, which is in redis-tools under another name, so that no service needs to be installed."""
    program = Path(folder) / "redis-server"
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if found is None:
        raise OSError("there is no redis-server: install redis-tools")
    program.symlink_to(Path(found).resolve())
    socket = f"{folder}/redis.sock"
    process = subprocess.Popen(
        [str(program), "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""], stdout=subprocess.DEVNULL)
    until(lambda: os.path.exists(socket), "Redis is ready")
    return process, socket


def until(condition, what):
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"waited {PATIENCE_SECONDS} s until {what}")
        time.sleep(0.01)
    return time.perf_counter()


def celery(jobs):
    """Two processes with as many jobs fetched ahead as is usual; timed from the first job that is taken to the last."""
    import celery as _  # noqa: F401  told here, and not by the worker, that it is missing
    import redis

    with tempfile.TemporaryDirectory(prefix="millrace-celery-") as folder:
        server, socket = redis_server(folder)
        worker = None
        try:
            (Path(folder) / "tasks.py").write_text(TASKS.format(broker=f"redis+socket://{socket}"))
            sys.path.insert(0, folder)
            import tasks

            with tasks.app.connection() as connection:
                producer = connection.Producer()
                for _ in range(jobs):
                    tasks.nothing.apply_async(producer=producer)
            queue = redis.Redis(unix_socket_path=socket)
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency=2", "--loglevel=ERROR",
                 "--without-gossip", "--without-mingle", "--without-heartbeat"],
                cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            began = until(lambda: queue.llen("celery") < jobs, "Celery takes a job")
            ended = until(lambda: queue.llen("celery") + queue.hlen("unacked") == 0, "Celery has done all jobs")
            return jobs / (ended - began)
        finally:
            for process in filter(None, (worker, server)):
                process.terminate()
                process.wait(30)
