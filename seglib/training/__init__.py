"""What `seglib.train` needs besides its loop: steps, optimiser, precision, processes, checkpoints, checks."""
