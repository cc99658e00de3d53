"""Frameworks as their users run them: each in an environment of its own, under a real uvicorn, with safews.

``make ecosystem`` makes the environments, with the current releases, and runs the tests. A test whose environment is
not there is skipped.
"""
