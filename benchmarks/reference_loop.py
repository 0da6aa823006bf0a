"""A fixed piece of plain Python: what a time is divided by, so that it says more than a machine.

It looks names up, adds numbers, builds small objects and sorts them, as the router's own code
does. It must never change: figures of different days are compared by it.
"""

_NAMES = tuple(f"name-{at:03}" for at in range(100))
_NUMBERS = {name: at * 37 % 101 for at, name in enumerate(_NAMES)}


def reference_loop() -> int:
    """Do the fixed work, some 35 microseconds of it.

    >>> reference_loop()
    142
    """
    total = 0
    found = []

    for at, name in enumerate(_NAMES):
        number = _NUMBERS[name]
        total += number if number % 2 else -at
        found.append((number / 101, name, {"at": at}))

    found.sort(key=lambda one: one[0])

    for share, name, _ in found:
        if share < 0.5 and name.endswith("7"):
            total += len(name)

    return total
