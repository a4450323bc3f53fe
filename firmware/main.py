import posewire_slots


def load():
    from posewire_fw.startup import run

    return run


posewire_slots.run(load)
