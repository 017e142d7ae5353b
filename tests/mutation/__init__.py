"""Mutation tests: small faults put into the code, one at a time, that the unit tests have to detect."""
