"""What Python's garbage collector has to look at."""

import gc


def keep_loaded_objects() -> None:
    """Take everything that is loaded by now for permanent: the collector never looks at it again.

    Modules and classes are most of a process's objects. A collection that walks through all of them stops every task
    for 40 to 180 ms, as long as a part of a context may take to read. Call it once, when a process has started.
    """
    gc.collect()
    gc.freeze()
