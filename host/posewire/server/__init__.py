"""The host process: everything that stands between the network and the packages ``rooms`` and ``voice``.

``host.py`` ties the parts together; each part is a package of its own. May import rooms, voice, hub, identity, update,
wire, store and the ground floor; nothing but the commands of the shell imports it.
"""
