"""The libraries that read fragmented and compressed messages, each behind ``_base.Codec``.

Nothing is imported here: with one of the two libraries installed, the other's module is never looked at.
"""
