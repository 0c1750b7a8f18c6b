"""The parts every network here is made of: rotary attention, feed-forward, blocks.

Positions enter twice: as rotations of queries and keys (rotary embedding, arXiv 2104.09864; on a
grid one half of the channels turns with the row, the other with the column) and as a learned
vector added to each embedding. Grids need the second: see LOG.md.

Blocks are pre-norm with layer norms, queries and keys normalised, squared-ReLU feed-forward
(arXiv 2109.08668) and output projections that start at zero, so that an untrained block is the
identity.

Axis letters: b batch, n positions, q queries, k keys, d width, h heads, e head width, a attributes; an
axis "#b" is b or 1 long, "all" are the keys from outside and the own ones.
"""

from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.digits import smallest_base
from pgm_lite.shape import Shape

KeyValue: TypeAlias = tuple[Float[Tensor, "b h _ e"], Float[Tensor, "b h _ e"]]


def turns(shape: Shape) -> Float[Tensor, "n1 2 half"]:
    """Cosine and sine of each channel pair's angle at each position; the last row is for registers.

    The angles a position fall geometrically from ``shape.fastest`` towards ``shape.slowest``, along
    each axis of a grid. Registers do not turn.
    """
    axes = 2 if shape.rows > 1 else 1
    pairs = shape.width // shape.heads // 2
    falling = torch.arange(pairs // axes) / (pairs // axes)
    speed = shape.fastest * (shape.slowest / shape.fastest) ** falling
    place = torch.arange(shape.seq_len)
    along = (place,) if axes == 1 else (place // shape.columns, place % shape.columns)
    angle = torch.cat([each[:, None] * speed for each in along], dim=1)
    angle = torch.cat([angle, torch.zeros(1, pairs)])
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def rotate(
    x: Float[Tensor, "b h n e"], turning: Float[Tensor, "... n 2 half"]
) -> Float[Tensor, "b h n e"]:
    """Turn each channel pair (i, i + e/2) by its angle."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = turning.to(x.dtype).unbind(-2)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def attend(
    query: Float[Tensor, "b h q e"],
    key: Float[Tensor, "b h k e"],
    value: Float[Tensor, "b h k e"],
    bias: Float[Tensor, "#b 1 q k"] | None = None,
    sharpness: float = 1.0,
) -> Float[Tensor, "b h q e"]:
    """Softmax attention to ``sharpness`` times the scores, plus ``bias``: -inf where not to look.

    PyTorch's fused kernel, except when training on a CPU: there two plain matrix products run in
    bfloat16 at four times the fused kernel's speed (LOG.md), and memory is no concern.
    """
    if query.device.type == "cpu" and torch.is_grad_enabled():
        return attend_plainly(query, key, value, bias, sharpness)
    bias = None if bias is None else bias.to(query.dtype)
    scale = sharpness * query.shape[-1] ** -0.5
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def attend_plainly(
    query: Float[Tensor, "b h q e"],
    key: Float[Tensor, "b h k e"],
    value: Float[Tensor, "b h k e"],
    bias: Float[Tensor, "#b 1 q k"] | None = None,
    sharpness: float = 1.0,
) -> Float[Tensor, "b h q e"]:
    """The definition: softmax(sharpness query key' / sqrt(e) + bias) value."""
    scores = (query * (sharpness * query.shape[-1] ** -0.5)) @ key.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias
    return scores.softmax(dim=-1).to(value.dtype) @ value


class FeedForward(nn.Module):
    """Two linear maps around a squared ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rise = nn.Linear(width, 4 * width, bias=False)
        self.fall = nn.Linear(4 * width, width, bias=False)
        nn.init.zeros_(self.fall.weight)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Position by position, four times as wide in between."""
        risen = self.rise(x)
        if torch.is_grad_enabled():
            return self.fall(F.relu(risen).square())
        # In place: fresh pages for the widest tensors cost a quarter of a full-length pass.
        return self.fall(risen.relu_().square_())


class Block(nn.Module):
    """One pre-norm transformer block: attention, then feed-forward, each added to its input.

    With ``own_keys`` the block attends to its own input (and, if given, to earlier keys and values);
    without, it only asks: keys and values come from outside, and its queries never see each other.
    """

    def __init__(self, shape: Shape, *, own_keys: bool) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.sharpness = shape.heads, shape.sharpness
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False) if own_keys else None
        self.out = nn.Linear(width, width, bias=False)
        self.before_feed = nn.LayerNorm(width, bias=False)
        self.feed = FeedForward(width)
        nn.init.zeros_(self.out.weight)

    def forward(
        self,
        x: Float[Tensor, "b q d"],
        turning: Float[Tensor, "... q 2 half"],
        outside: KeyValue | None = None,
        bias: Float[Tensor, "#b 1 q all"] | None = None,
        query_turning: Float[Tensor, "... q 2 half"] | None = None,
    ) -> tuple[Float[Tensor, "b q d"], KeyValue | None]:
        """The block's output, and the keys and values it attended to.

        Queries turn as keys do, unless they ask from another place: ``query_turning``.
        """
        normed = self.before_attention(x)
        place = turning if query_turning is None else query_turning
        query = rotate(unit(split(self.query(normed), self.heads)), place)
        seen = outside
        if self.key_value is not None:
            key, value = keys_values(self.key_value(normed), self.heads, turning)
            if outside is not None:
                key, value = torch.cat([outside[0], key], 2), torch.cat([outside[1], value], 2)
            seen = (key, value)
        if seen is None:
            raise ValueError("a block without keys of its own needs keys and values from outside")
        x = x + self.out(merge(attend(query, *seen, bias, self.sharpness)))
        return x + self.feed(self.before_feed(x)), seen


class Embedding(nn.Module):
    """Token + position + label vectors, normalised; the last row of the token table is private.

    Each family gives the private row its own meaning: [MASK] for MDLM, the beginning of the
    sequence for AR, the register for PGM, an unknown digit for Prime. There a token is spelled by
    ``shape.digits`` digits, whose vectors, each an equal share of the width, stand side by side.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.private = smallest_base(shape.vocab_size, shape.digits)
        self.token = nn.Embedding(self.private + 1, shape.width // shape.digits)
        self.position = nn.Embedding(shape.seq_len + 1, shape.width)
        self.label = LabelEmbedding(shape.labels, shape.width) if shape.labels else None
        for table in (self.token, self.position):
            nn.init.normal_(table.weight, std=0.5)

    def forward(
        self,
        tokens: Int[Tensor, "b m"],
        positions: Int[Tensor, "... n"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """The first hidden state of each token, or of each token's ``m / n`` digits together."""
        placed = self.position(positions)
        x = self.token(tokens).view(tokens.shape[0], -1, placed.shape[-1]) + placed
        return F.layer_norm(self.add_label(x, label), (x.shape[-1],))

    def add_label(
        self, x: Float[Tensor, "b n d"], label: Int[Tensor, "b a"] | None
    ) -> Float[Tensor, "b n d"]:
        """``x`` plus the label's vector, for models that have labels."""
        if self.label is not None:
            return x + self.label(label, x.shape[0])
        if label is not None and label.shape[-1] > 0:
            raise ValueError("this model was trained without labels; leave the label out")
        return x


class LabelEmbedding(nn.Module):
    """The sum of one learned vector per attribute; -1 (unspecified) has a vector of its own."""

    def __init__(self, sizes: tuple[int, ...], width: int) -> None:
        super().__init__()
        starts = torch.tensor([0, *[size + 1 for size in sizes]]).cumsum(0)[:-1]
        self.register_buffer("starts", starts, persistent=False)
        self.sizes = sizes
        self.table = nn.Embedding(sum(sizes) + len(sizes), width)
        nn.init.normal_(self.table.weight, std=0.2)

    def forward(self, label: Int[Tensor, "b a"] | None, batch: int) -> Float[Tensor, "b 1 d"]:
        """The vector added to every position; ``None`` is a label with nothing specified."""
        starts: Tensor = self.get_buffer("starts")
        if label is None:
            label = torch.full((batch, len(self.sizes)), -1, device=starts.device)
        if label.shape != (batch, len(self.sizes)):
            raise ValueError(
                f"a label here is {len(self.sizes)} attributes for each of {batch} rows, "
                f"-1 for unspecified ones; got the shape {list(label.shape)}"
            )
        # Outside a traced graph, which cannot stop to look.
        if not torch.compiler.is_compiling():
            check_label(label, self.sizes)
        return self.table(starts + label + 1).sum(1, keepdim=True)


def check_label(label: Int[Tensor, "... a"], sizes: tuple[int, ...]) -> None:
    """Refuse value indices that an attribute does not have: in the table they are a neighbour's."""
    wrong = (label < -1) | (label >= label.new_tensor(sizes))
    if wrong.any():
        value, attribute = int(label[wrong][0]), int(wrong.nonzero()[0, -1])
        raise ValueError(
            f"attribute {attribute} of this model has the values 0 to {sizes[attribute] - 1}, and "
            f"-1 for unspecified; got {value}"
        )


def forbid(where: Bool[Tensor, "b q k"]) -> Float[Tensor, "b 1 q k"]:
    """Minus infinity where looking is forbidden, zero elsewhere, one axis added for the heads."""
    bias = torch.zeros(where.shape, dtype=torch.bfloat16, device=where.device)
    return bias.masked_fill_(where, -torch.inf)[:, None]


def split(x: Float[Tensor, "b n d"], heads: int) -> Float[Tensor, "b h n e"]:
    """Channels to heads."""
    return x.view(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(1, 2)


def merge(x: Float[Tensor, "b h n e"]) -> Float[Tensor, "b n d"]:
    """Heads to channels."""
    return x.transpose(1, 2).flatten(2)


def unit(x: Float[Tensor, "b h n e"]) -> Float[Tensor, "b h n e"]:
    """Each head's vector normalised (QK-norm, as layer norm without weights: arXiv 2302.05442)."""
    return F.layer_norm(x, (x.shape[-1],))


def keys_values(
    projected: Float[Tensor, "b k d2"], heads: int, turning: Float[Tensor, "... k 2 half"]
) -> KeyValue:
    """Keys, normalised and turned, and values from one joint projection."""
    key, value = projected.chunk(2, dim=-1)
    return rotate(unit(split(key, heads)), turning), split(value, heads)
