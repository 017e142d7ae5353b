"""What a node reads from Ganeti about itself and its cluster."""
