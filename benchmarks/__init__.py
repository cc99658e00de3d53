"""What safews and its peers cost: ``make bench``, or ``python -m benchmarks --help``.

``scenarios`` says what is done, ``servers`` by whom, ``load/`` is the client that does it, ``measure`` takes turns
between them, ``report`` and ``plots`` write down what came of it. ``guard`` counts instead of measuring, for the tests.
"""
