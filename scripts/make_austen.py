"""Make assets/data/austen.txt.xz from the six raw novels: python scripts/make_austen.py FOLDER.

The folder holds the texts of the R package janeaustenr, one file a novel; each is checked by
its sha256. The result holds one line a novel, already reduced to the 32 symbols of the austen
data set.
"""

import hashlib
import lzma
import re
import sys
from pathlib import Path

SHA256 = """
sense_and_sensibility 105e1651fe93bed7130078578efd31e0c557d68667ba672ddc876f735b30fe09
pride_and_prejudice   dfc684d4f857fa938268f9ab9c5567b64bd0691251eca959644adeabe6287a4d
mansfield_park        98bc90519cdf4ef663ad7de2734bb529435ef24f7abbde6bb1a50898871dafe9
emma                  7c67b5985c6d0de1efaeb5d342d52cb82c38083c40e2295129e30e87ee690ebe
northanger_abbey      51f91bbe0517db8e65cff009b097ce0a1836124c4e0532ac19e6c0cad982abed
persuasion            8061549557aebd2fd6e353d18d9197cb707029112bd52d4d8b174583a925848a
"""
RESULT = Path(__file__).resolve().parents[1] / "assets" / "data" / "austen.txt.xz"

HEADING = re.compile(r"\s*(CHAPTER|Chapter|VOLUME) [IVXLC\d]+\s*")
END = re.compile(r"\s*(FINIS|Finis|THE END|A NOTE ON THE TEXT)\s*")
NOT_AUSTEN = re.compile(r"\s*(\*|\[At this point|\[End volume)")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def body(raw: str) -> str:
    """The novel itself: first chapter to end, without headings or editors' notes."""
    lines = raw.splitlines()
    first = next(at for at, line in enumerate(lines) if HEADING.fullmatch(line))
    last = next((at for at, line in enumerate(lines) if END.fullmatch(line)), len(lines))
    kept = [
        line
        for line in lines[first:last]
        if not HEADING.fullmatch(line) and not NOT_AUSTEN.match(line)
    ]
    return " ".join(kept)


def normalise(text: str) -> str:
    """The text in 26 letters, the space and , . ; - and the double quote.

    What has no symbol of its own: ! and ? end a sentence, so they become a full stop; the colon
    becomes a semicolon, parentheses and runs of dashes one dash; apostrophes, underscores,
    square brackets and asterisks vanish; & is spelled "and" ("&c." is "etc."), £ "pounds", and
    digits one by one.
    """
    text = text.lower().replace("&c.", "etc.").replace("&", "and").replace("£", "pounds ")
    text = re.sub(r"\d+", lambda found: f" {' '.join(DIGITS[int(d)] for d in found[0])} ", text)
    text = re.sub(r"[!?]", ".", text).replace(":", ";")
    text = re.sub(r"\s*\(", "-", text)
    text = re.sub(r"\)\s*(?=\w)", "-", text).replace(")", "")
    text = re.sub(r"['_*\[\]]", "", text)
    return re.sub(r"\s+", " ", re.sub(r"-+", "-", text)).strip()


def main(folder: Path) -> None:
    """Check, clean and pack the six novels."""
    lines: list[str] = []
    for title, expected in (line.split() for line in SHA256.strip().splitlines()):
        name = f"{title}.txt"
        raw = (folder / name).read_bytes()
        found = hashlib.sha256(raw).hexdigest()
        if found != expected:
            raise ValueError(f"{name} has sha256 {found}, expected {expected}")
        line = normalise(body(raw.decode("utf-8")))
        foreign = set(line) - set('abcdefghijklmnopqrstuvwxyz ,.;-"')
        if foreign:
            raise ValueError(f"{name} keeps symbols outside the alphabet: {sorted(foreign)}")
        sys.stdout.write(f"{name}: {len(line):,} characters\n")
        lines.append(line)
    packed = lzma.compress("\n".join(lines).encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_bytes(packed)
    sys.stdout.write(f"{RESULT.name}: {len(packed):,} bytes\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/make_austen.py FOLDER")
    main(Path(sys.argv[1]))
