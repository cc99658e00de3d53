"""The libraries that read frames where the fast lane is off, each behind ``_base.Codec``.

Nothing is imported here: with one of the two libraries installed, the other's module is never looked at.
"""
