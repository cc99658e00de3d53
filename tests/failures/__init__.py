"""What fails with uvicorn's own WebSocket implementations, in processes of their own, as their users saw it.

``server.py`` starts the servers, ``log.py`` reads their logs, ``apps`` has the apps as they were reported.
"""
