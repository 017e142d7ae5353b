"""The pool for people, as Ganeti's own commands show things."""
