"""Maintenance of nodes: `gnt-gluster maintenance` stops the bricks of a node, and starts and heals them again."""
