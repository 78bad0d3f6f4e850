"""What lies between the steps of a run and outlives them, and how it is kept."""
