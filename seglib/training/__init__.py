"""What `seglib.train` needs beside its loop: steps, optimiser, precision, processes, checkpoints, checks."""
