"""GlusterFS under Ganeti: see the pool, use it, set it up."""

__version__ = "0.1.0"
