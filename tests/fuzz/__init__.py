"""Coverage-guided fuzzing of what a peer can send: the request and the frames, by both codecs and both lanes.

``python -m tests.fuzz`` runs it, or ``make fuzz``. A target (``codecs.py``, ``framing.py``, ``connection.py``,
``handshake.py``) is a function ``check`` of the fuzzer's bytes, which raises for what must not be; ``corpus/`` has the
inputs that have shown something new, and ``test_corpus.py`` runs them without a fuzzer.
"""
