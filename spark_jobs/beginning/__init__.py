"""What a newcomer with a topic asks before there is a pipeline: a first look, a file, a sample, an output topic."""
