"""Prometheus metrics: one module for each subject, each metric with its full name as it is exported."""
