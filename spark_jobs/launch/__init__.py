"""How a process of ours and its Spark begin."""
