"""Puts the daemon in mond's place on a node, and back: what is written to /etc/default, and whether clients notice."""
