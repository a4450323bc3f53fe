"""What the host's monitoring and a program's monitor share: percentiles, alerts, memory and processor time, reports.

It measures nothing by itself: who has a value gives it.
"""
