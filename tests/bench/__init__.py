"""What mirroring costs, measured side by side (docs/performance.md).

A figure is compared within one run only: cases take turns in rounds, and
what is told is the ratio to a reference of the same round.
"""
