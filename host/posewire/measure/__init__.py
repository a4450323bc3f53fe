"""The common part of the host's and a program's monitoring: percentiles, alerts, memory, processor time, reports.

It measures nothing by itself: the part that has a value gives it.
"""
