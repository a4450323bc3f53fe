"""So that modules can be imported that would use the network, which this machine has none of."""


def __getattr__(name):
    raise NotImplementedError("no network here: socket." + name)
