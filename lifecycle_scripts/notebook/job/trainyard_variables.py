"""Sets the team's environment variables in kernels of IPython, which no login shell starts; one that is set stays.

IPython runs it at the start of a kernel, in the namespace of the notebook, so it leaves nothing there.
"""


def _set_variables() -> None:
    import os
    from pathlib import Path

    file = Path(os.environ.get("TRAINYARD_ROOT") or "/", "etc/trainyard/environment")
    for line in file.read_text().splitlines() if file.exists() else ():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)


_set_variables()
del _set_variables
