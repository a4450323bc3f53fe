"""Metrics, health, alerts, traces and the limits of the host's own process.

Recording a number needs only ``counters``; exposing the numbers reads the rest of the server.
"""
