"""Opens a part of the board, or leaves it out by name. Needed at the start only."""

import gc

from posewire_fw import memory


def open_part(app, name, open_it):
    """Call open_it(app); where that fails, for memory or anything else, the board goes on without.

    True when the part is there.
    """
    need = app.board.needs.get(name)
    if need and not memory.has_room(need[0], need[1]):
        found = memory.idf()
        have = (need[0], memory.heap_free(), need[1], found[0] if found else 0)
        app.leave_out(name, "it needs %d bytes of heap (%d are free) and %d of the chip's memory (%d are free)" % have)
        return False
    try:
        open_it(app)
        return True
    except MemoryError as exc:
        why = "not enough memory: %s" % exc
    except OSError as exc:
        why = "it does not open: %s" % exc
    except ImportError as exc:
        why = "it is not installed (%s): posewire deploy with another --profile brings it" % exc
    gc.collect()
    app.leave_out(name, why)
    return False
