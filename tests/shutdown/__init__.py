"""Shutdowns under load, in processes as they are run: a crowd in every state, closes that are spread, rolling restarts.

``served.py`` and ``acknowledging.py`` are the applications, ``crowd.py`` and ``talkers.py`` the clients.
"""
