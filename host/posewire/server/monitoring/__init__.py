"""The host's own numbers: metrics, alerts, the health monitor, traces, memory and file limits.

Recording (``metrics``, ``histogram``, ``tracing``) imports nothing else of the server; ``health`` and ``prometheus``
read the services. Nothing here changes a connection.
"""
