"""Every figure that smsbot claims, each a ratio taken in one run on one machine: `python -m benchmarks`."""
