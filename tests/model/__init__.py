"""A small model of the protocol, of which every state is looked at up to a bound."""
