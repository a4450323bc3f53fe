# Runs before main.py, and is the way back in when the application is broken: nothing here may fail or block.
try:
    import posewire_slots

    posewire_slots.choose()
except Exception as exc:
    print("boot: %r" % exc)
