"""Prometheus' own parser over /metrics. Usage: metrics_test.py [URL]

Without a URL it is /metrics of the server at MILLRACE_URL.
"""

import os
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def check(condition, words):
    if not condition:
        sys.exit(f"metrics_test: {words}")


url = sys.argv[1] if len(sys.argv) > 1 else os.environ["MILLRACE_URL"].rstrip("/") + "/metrics"
# One answered request at least is there to be counted.
urllib.request.urlopen(url).close()
with urllib.request.urlopen(url) as answer:
    check(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), "the content type")
    text = answer.read().decode()

families = {family.name: family for family in text_string_to_metric_families(text)}
for name, family in families.items():
    check(name.startswith("millrace_"), f"{name} begins with millrace_")
    check(family.documentation, f"{name} has a HELP")
    check(family.type in ("counter", "gauge", "histogram"), f"{name} has a TYPE")

requests = families["millrace_http_requests"].samples
check(any(s.labels["status"] == "200" and s.value >= 1 for s in requests), "answered requests are counted")
check(all(s.labels["route"].startswith("/") or s.labels["route"] == "unmatched" for s in requests), "routes are patterns")

durations = families["millrace_http_request_duration_seconds"].samples
for route in {s.labels["route"] for s in durations}:
    buckets = [s for s in durations if s.labels["route"] == route and s.name.endswith("_bucket")]
    counts = [s.value for s in sorted(buckets, key=lambda s: float(s.labels["le"]))]
    total = next(s.value for s in durations if s.labels["route"] == route and s.name.endswith("_count"))
    check(counts == sorted(counts) and counts[-1] == total, f"the buckets of {route} are cumulative")

for sample in families.get("millrace_jobs", families["millrace_http_requests"]).samples:
    if "note" in sample.labels:
        check(sample.labels["note"] == 'a "b"\\\n한국어', f"labels are escaped: {sample.labels}")
print(f"metrics_test: {len(families)} families, all good")
