"""Ganeti runs these hooks before and after its operations; ganeti-hooks(7)."""
