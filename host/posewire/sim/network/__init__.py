"""A network between programs and a host that is slow, narrow, lossy or cut: ``posewire sim net`` and the tests.

May import wire and what lies below.
"""
