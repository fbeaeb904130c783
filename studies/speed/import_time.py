"""How long ``import mer_utils`` takes: ``python studies/speed/import_time.py``.

Each import runs in a process of its own; an empty process is timed beside it. Times belong to one
machine.
"""

import statistics
import subprocess
import sys
import time

REPEATS = 9


def seconds(code: str) -> float:
    """Median time of a Python process that runs ``code``."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """Print the time of an import, less that of an empty process."""
    empty = seconds("pass")
    for code in ("import mer_utils", "from mer_utils import load", "from mer_utils import run"):
        print(f"{code:<32}{seconds(code) - empty:7.3f} s")


if __name__ == "__main__":
    main()
