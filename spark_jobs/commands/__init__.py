"""The arguments of commands, and how their answers are printed."""
