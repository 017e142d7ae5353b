"""Hostile input at random, by a seed: ``python -m tests.fuzz NAME --seed N --seconds S``.

Each campaign prints its seed.  The same seed and number of runs give the same inputs.  Campaigns run without
privileges, in a process of their own with bounded memory, and talk to loopback only.
"""
