"""Puts the daemon in front of mond on a node, and back: changes /etc/default and checks what clients get."""
