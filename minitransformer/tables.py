"""Tables of options: what a name in a configuration stands for."""


class Table(dict):
    """Entries by their names. An entry that stands where a name would is the choice itself.

    A configuration that is saved holds names. What parallel/ gives to a block, such as attention
    whose keys are on other processes, is made for one batch and has none.
    """

    def __missing__(self, entry):
        if isinstance(entry, tuple):  # a Pair, Positions
            return entry
        raise KeyError(entry)
