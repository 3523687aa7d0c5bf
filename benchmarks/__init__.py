"""What `make bench` measures; figures go to benchmarks/latest.json."""
