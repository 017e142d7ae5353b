"""A randomized campaign: operations and faults on a real cluster, and guests whose every reported block is checked."""
