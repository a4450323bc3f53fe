"""Devices in Home Assistant over MQTT: discovery, states, events and commands, through a broker.

May import identity and a ``Peer``; needs the extra ``mqtt`` (aiomqtt) only where a broker is named.
"""
