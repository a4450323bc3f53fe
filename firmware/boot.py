# Runs before main.py, and is the way back in when the application is broken: nothing here may fail or block.
try:
    import gc

    # Collect often: a heap that is full grows out of the memory that Wi-Fi, sockets and TLS need, and stays so.
    gc.threshold(4096)
    import posewire_slots

    posewire_slots.read_faster()
    posewire_slots.choose()
except Exception as exc:
    print("boot: %r" % exc)
