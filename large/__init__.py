"""Large tables: cut into pieces, each piece of each step a checkpoint of its own, worked on by processes of one thread.

    extract     blocks of bytes are surveyed, the file is cut at ends of records, each piece is staged as raw texts
    transform   each piece is cleaned and its rows parted by a hash of their key; of each partition the last row of
                every key stays, parted by ranges of (region, GDP, key); each range is sorted into one clean part
    load        one process a region streams the parts in their order into its database

What is passed between two steps is files: a step can be run again, in any number of processes, on any piece. Memory
follows the size of a piece and of a partition, never that of the input.
"""
