"""The host's own numbers: metrics, alerts, the health monitor, traces, memory and file limits.

Recording (``metrics``, ``tracing``) imports nothing else of the server; what a program's monitor uses, too, is in
``posewire.measure``; ``health`` and ``prometheus``
read the services. Nothing here changes a connection.
"""
