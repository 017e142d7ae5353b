"""Bricks, volumes and what Ganeti has to know of them: planned, then done."""
