"""What the benchmark programs share. The programs beside this folder are the benchmarks; Scripts/bench runs them."""
