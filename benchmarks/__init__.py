"""What safews and its peers cost: ``make bench``, or ``python -m benchmarks --help``.

``scenarios`` says what is done, ``servers`` by whom, ``load/`` is the client that does it, ``measure`` takes turns
between them, ``targets`` says what is to be reached, ``report`` and ``plots`` write down what came of it. ``guard`` and
``instructions`` count instead of measuring, the one for the tests.
"""
