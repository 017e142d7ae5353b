"""What Ganeti tells a node about itself and its cluster."""
