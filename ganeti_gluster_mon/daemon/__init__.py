"""The daemon, in two halves: one asks Gluster as root, the other speaks HTTP as nobody in particular."""
