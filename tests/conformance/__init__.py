"""RFC 6455 and RFC 7692, judged from outside: Autobahn|Testsuite's fuzzing client against an echo in a real uvicorn.

``python -m tests.conformance`` runs it, or ``make conformance``. ``expected.txt`` says what every case must give.
"""
