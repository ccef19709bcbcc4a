"""The program's own code in simulated worlds: each is a seed."""
