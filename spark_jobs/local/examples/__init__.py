"""Messages for the example pipelines of conf/examples, made up and always the same."""
