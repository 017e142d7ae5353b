"""The ExtStorage provider; `gluster/` has the scripts that Ganeti runs."""
