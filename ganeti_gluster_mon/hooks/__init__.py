"""What Ganeti runs before and after it does something; ganeti-hooks(7)."""
