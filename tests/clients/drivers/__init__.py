"""One module for each client: a thin layer that does with it what ``base`` asks for."""
