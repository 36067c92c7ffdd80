# Every command that a person needs; each does its own set-up first and never asks a question.
# `make` alone prints this list.

.DEFAULT_GOAL := help
.PHONY: help run test bench bench-queue soak check setup format
MAKEFLAGS += --no-print-directory

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## build, make the sample table, start server and worker on PORT (8000); Ctrl-C stops all
	@exec Scripts/run

test: ## everything that must hold: style, layering, build, tests, real peers
	@Scripts/setup test
	@Scripts/check

check: ## the same without set-up; a part alone: Scripts/check format dag …
	@Scripts/check

bench: ## measure against the bare runtime and named peers, ratios printed
	@Scripts/setup bench
	@exec Scripts/bench

bench-queue: ## the queue alone: its rate beside peers, claims, triggers, latency, bloat (MINUTES=3)
	@Scripts/setup bench
	@exec Scripts/bench queue_rate queue_claims queue_enqueue queue_latency queue_bloat

soak: ## the long form of the kill test on both databases, or on DATABASE; SEED repeats a run
	@Scripts/setup test
	@exec Scripts/soak

setup: ## only the set-up for run, test and bench
	@Scripts/setup bench

format: ## rewrite the Swift sources in the house's format
	@git ls-files -co --exclude-standard -z '*.swift' | xargs -0 swift format --in-place --parallel --configuration .swift-format
