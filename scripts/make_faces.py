"""Make assets/data/faces.npz: 12,000 pixel-art portraits in 32 colours, with their attributes.

Needs the extra packages dicebear-core, dicebear-styles, resvg-py and scikit-learn. The
portraits are those of the seeds "0" to "11999"; with the same package versions the result is
the same, byte for byte. The clustering may differ between versions of scikit-learn, so the
palette is part of the file.
"""

import io
import json
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from numpy.lib.format import write_array
from numpy.typing import NDArray
from PIL import Image
from sklearn.cluster import KMeans

COUNT, SIDE, COLOURS = 12_000, 16, 32
BACKGROUND = (245, 245, 245)
RESULT = Path(__file__).resolve().parents[1] / "assets" / "data" / "faces.npz"

# Colours that one entry of the palette stands for share a name: no picture tells them apart.
HAIR = {
    "#28150a": "black", "#603a14": "brown", "#603015": "brown", "#612616": "brown",
    "#611c17": "brown", "#83623b": "light brown", "#a78961": "dark blond", "#cab188": "blond",
    "#bd1700": "red", "#009bbd": "blue", "#91cb15": "green",
}  # fmt: skip
SKIN = {
    "#ffdbac": "ivory", "#f5cfa0": "cream", "#eac393": "sand", "#e0b687": "sand",
    "#cb9e6e": "amber", "#b68655": "bronze", "#a26d3d": "sienna", "#8d5524": "umber",
}  # fmt: skip
CLOTHES = {
    "#5bc0de": "sky", "#428bca": "blue", "#03396c": "navy", "#88d8b0": "mint",
    "#44c585": "emerald", "#00b159": "green", "#ff6f69": "coral", "#d11141": "crimson",
    "#ae0001": "dark red", "#ffeead": "cream", "#ffd969": "yellow", "#ffc425": "gold",
}  # fmt: skip
COLOUR_ATTRIBUTES = {
    "hair": ("hairColor", HAIR),
    "skin": ("skinColor", SKIN),
    "clothes": ("clothingColor", CLOTHES),
}
OPTIONAL = {
    "glasses": "glassesVariant",
    "hat": "hatVariant",
    "beard": "beardVariant",
    "accessories": "accessoriesVariant",
}
PARTS = ("hair", "eyes", "mouth", "clothes", "glasses", "hat", "beard", "accessories")

Pixels = NDArray[np.uint8]
Options = dict[str, str]


def portrait(style: Style, seed: int) -> tuple[Pixels, Options]:
    """One portrait, [16 16 3], and the options the generator resolved for it."""
    avatar = Avatar(style, {"seed": str(seed)})
    png = resvg_py.svg_to_bytes(svg_string=avatar.to_string(), width=SIDE, height=SIDE)
    pixels = np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
    seen = pixels[..., 3:] >= 128
    resolved = avatar.to_json()["options"]
    options = {k: v[0] if isinstance(v, list) else str(v) for k, v in resolved.items() if v}
    return np.where(seen, pixels[..., :3], np.uint8(BACKGROUND)), options


def palette_of(colours: Pixels, counts: NDArray[np.int64]) -> Pixels:
    """The background, and the commonest colour of 31 k-means clusters."""
    rest = (colours != BACKGROUND).any(1)
    colours, counts = colours[rest], counts[rest]
    found = KMeans(COLOURS - 1, n_init=3, random_state=0).fit(
        colours.astype(float), sample_weight=np.sqrt(counts)
    )
    clusters = [np.flatnonzero(found.labels_ == k) for k in range(COLOURS - 1)]
    commonest = [colours[members[counts[members].argmax()]] for members in clusters]
    return np.vstack([np.uint8(BACKGROUND), *commonest])


def cielab(rgb: Pixels) -> NDArray[np.float64]:
    """CIELAB coordinates (D65) of sRGB colours."""
    unit = rgb / 255.0
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * 24389 / 27 / 116 + 16 / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def as_tree(lab: NDArray[np.float64], members: list[int]) -> list[int]:
    """The colours as leaves of a balanced tree: halves of similar colours, halved again.

    Each split cuts at the median of the principal axis in CIELAB. The half with the background
    (colour 0) comes first, else the lighter one.
    """
    if len(members) == 1:
        return members
    points = lab[members] - lab[members].mean(0)
    axis = np.linalg.svd(points, full_matrices=False)[2][0]
    ranked = [members[at] for at in np.argsort(points @ axis, kind="stable")]
    halves = [ranked[: len(ranked) // 2], ranked[len(ranked) // 2 :]]
    halves.sort(key=lambda half: (0 not in half, -lab[half, 0].mean()))
    return as_tree(lab, halves[0]) + as_tree(lab, halves[1])


def nearest(colours: Pixels, palette: Pixels) -> NDArray[np.uint8]:
    """The palette index closest to each colour in RGB."""
    gaps = colours[:, None].astype(int) - palette[None].astype(int)
    return (gaps**2).sum(-1).argmin(1).astype(np.uint8)


def attributes(options: list[Options]) -> tuple[dict[str, tuple[str, ...]], NDArray[np.int8]]:
    """Names and values of the steering attributes, and the value index of every portrait."""
    values = {
        name: tuple(dict.fromkeys(names.values())) for name, (_, names) in COLOUR_ATTRIBUTES.items()
    }
    values |= dict.fromkeys(OPTIONAL, ("no", "yes"))
    labels = [
        [values[name].index(names[o[key]]) for name, (key, names) in COLOUR_ATTRIBUTES.items()]
        + [int(key in o) for key in OPTIONAL.values()]
        for o in options
    ]
    return values, np.array(labels, dtype=np.int8)


def parts(options: list[Options]) -> tuple[dict[str, tuple[str, ...]], NDArray[np.int8]]:
    """Which variant of each part was drawn; "none" where an optional part is absent."""
    drawn = {part: [o.get(f"{part}Variant", "none") for o in options] for part in PARTS}
    values = {part: tuple(sorted(set(names))) for part, names in drawn.items()}
    columns = [[values[part].index(name) for name in names] for part, names in drawn.items()]
    return values, np.array(columns, dtype=np.int8).T


def save(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """An npz file whose members are compressed with LZMA, a third of the size of deflate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                write_array(member, array, allow_pickle=False)


def main() -> None:
    """Draw, reduce the colours, order them, and save."""
    source = files("dicebear_styles").joinpath("pixel-art.json").read_text(encoding="utf-8")
    style = Style(json.loads(source))
    drawn = [portrait(style, seed) for seed in range(COUNT)]
    images, options = np.stack([image for image, _ in drawn]), [o for _, o in drawn]

    flat = images.reshape(-1, 3)
    colours, inverse, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    palette = palette_of(colours, counts)
    palette = palette[as_tree(cielab(palette), list(range(COLOURS)))]
    tokens = nearest(colours, palette)[inverse.ravel()].reshape(COUNT, SIDE * SIDE)
    error = np.abs(palette[tokens].reshape(-1, 3).astype(int) - flat).mean()

    values, labels = attributes(options)
    variants, drawn_parts = parts(options)
    save(
        RESULT,
        {
            "tokens": tokens,
            "palette": palette,
            "labels": labels,
            "attributes": np.array(list(values)),
            "values": np.array(["|".join(names) for names in values.values()]),
            "parts": drawn_parts,
            "part_names": np.array(list(variants)),
            "part_values": np.array(["|".join(names) for names in variants.values()]),
        },
    )
    sys.stdout.write(
        f"{COUNT:,} portraits, {len(np.unique(tokens, axis=0)):,} different, {len(colours)} "
        f"true colours, mean error {error:.2f} a channel, {RESULT.stat().st_size:,} bytes\n"
    )


if __name__ == "__main__":
    main()
