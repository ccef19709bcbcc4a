"""What the set-up brings onto this machine: a Java, the pinned jars, the class archive."""
