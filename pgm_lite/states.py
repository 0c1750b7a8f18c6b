"""A run's resumable state on disk: whole after a kill at any moment, and taken up by its own run only.

Three folders: ``state`` is the newest, ``state.old`` the one before it, ``state.new`` is being
written. What is written last into a state, a file that says which run it belongs to, marks it whole.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

MARK = "run.json"
"""What identifies the run a state belongs to. Older versions wrote none: see ``StateFolder.resume``."""


class StateFolder:
    """Where one run keeps its state; ``run`` is all that a resumed run must have in common with it."""

    def __init__(self, folder: Path, run: Mapping[str, object]) -> None:
        self.folder = folder
        self.new, self.state, self.old = (
            folder / name for name in ("state.new", "state", "state.old")
        )
        # As it comes back from a file: tuples as lists.
        self.run: dict[str, object] = json.loads(json.dumps(dict(run)))

    def save(self, write: Callable[[Path], object]) -> None:
        """Let ``write`` fill a folder, then put it in the place of the state before."""
        # The mark goes first: half a folder must never look whole.
        (self.new / MARK).unlink(missing_ok=True)
        shutil.rmtree(self.new, ignore_errors=True)
        write(self.new)
        (self.new / MARK).write_text(json.dumps(self.run, indent=1) + "\n", encoding="utf-8")
        self.swap()

    def swap(self) -> None:
        """Move the new state into place; killed anywhere in here, it is called again on resuming."""
        if self.state.exists():
            if self.old.exists():
                shutil.rmtree(self.old)
            self.state.rename(self.old)
        self.new.rename(self.state)

    def resume(self, read: Callable[[Path], object]) -> None:
        """Let ``read`` load the newest whole state, if there is any.

        A state of another run is refused. One that an older version wrote does not say whose it is;
        it is taken to be this run's, as far as it fits the network.
        """
        if mark(self.new):
            self.swap()
        reasons: list[str] = []
        for path in (self.state, self.old):
            if not path.exists():
                continue
            found = mark(path)
            self.compare(found)
            try:
                read(path)
            except Exception as error:  # a damaged pickle raises whatever its bytes happen to spell
                words = str(error).strip().splitlines() or [""]
                whose = "is damaged" if found else "is damaged or belongs to another network"
                reasons.append(f"{path} {whose} ({type(error).__name__}: {words[0]})")
            else:
                if reasons:
                    warnings.warn(f"{reasons[0]}; going on from {path.name}", stacklevel=2)
                return
        if reasons:
            raise ValueError(
                f"{'; '.join(reasons)}; delete {self.folder} to start anew, or name another state folder"
            )

    def compare(self, found: Mapping[str, object]) -> None:
        """Refuse a state that another run left here."""
        # What an older version did not write down cannot be compared.
        other = [
            f"{key} was {found[key]!r} and is {value!r}"
            for key, value in self.run.items()
            if key in found and found[key] != value
        ]
        if other:
            raise ValueError(
                f"the state in {self.folder} belongs to another run: {', '.join(other)}; run again "
                "with the options it had, name another state folder, or delete this one to start anew"
            )


def mark(path: Path) -> dict[str, object]:
    """What a state says of its run; empty if it says nothing or was not written to the end."""
    try:
        return json.loads((path / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
