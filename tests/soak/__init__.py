"""Hundreds of connections that come, behave in every way, and go, for as long as one likes; and then nothing is left.

``served.py`` is the application; ``peers.py``, ``endings.py`` and ``attackers.py`` have the lives of clients, which
``load.py`` leads; ``journal.py`` reads the server's log; ``run.py`` puts it together and says what is wrong.
"""
