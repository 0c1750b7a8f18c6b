"""Self-speculative masked diffusion (SSMD, arXiv 2510.03929): one network drafts and verifies.

Notation: sigma -> order; p_theta -> the draft law; q_{theta,phi} -> the target law; h -> stream;
track j carries token x_{s(j)} and predicts x_{s(j+1)}.

Deviation: the paper gives half of the rotary channels to the track's position and half to the next one.
Here keys turn with the position of their token and queries with the position they predict, so that
attention sees how far apart the two are (LOG.md).

What the sources leave open is settled so: a track's inputs are added after one linear map each; both
laws share one head; the first token of an empty canvas, which no track predicts, has the draft law
as its target.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from pgm_lite.core import Canvas, Cost, gather_positions
from pgm_lite.models.answers import bill
from pgm_lite.models.mdlm import MDLM
from pgm_lite.net import Block, Shape, forbid


class SelfSpec(MDLM):
    """An MDLM as trunk, which drafts, and causal blocks along an order, which judge the drafts.

    ``shape.causal`` of the ``shape.depth`` blocks are causal. A track reads its token and the trunk's
    stream at its own and at the next position; what the causal blocks find is added to the stream
    of the *next* position, through a projection that starts at zero: untrained, the target is the
    draft. The trunk never sees a draft, and a track never sees the token it predicts.
    """

    family = "SSMD"

    def __init__(self, shape: Shape) -> None:
        if shape.causal < 1:
            raise ValueError(
                f"a self-speculative model needs at least 1 causal block; got causal={shape.causal}"
            )
        super().__init__(shape)
        width = shape.width
        self.from_here = nn.Linear(width, width, bias=False)
        self.from_next = nn.Linear(width, width, bias=False)
        self.judges = nn.ModuleList(Block(shape, own_keys=True) for _ in range(shape.causal))
        self.judged_norm = nn.LayerNorm(width, bias=False)
        self.judgement = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.judgement.weight)
        later = torch.ones(shape.seq_len, shape.seq_len, dtype=torch.bool).triu(1)
        self.register_buffer("causal", forbid(later[None]), persistent=False)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # trained differently
        self,
        tokens: Int[Tensor, "b n"],
        order: Int[Tensor, "b n"],
        known: Int[Tensor, " b"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b n v"], Float[Tensor, "b n v"]]:
        """Training: draft and target logits by position; the first ``known`` of ``order`` are known."""
        place = order.argsort(1)
        stream = self.stream(tokens, place < known[:, None], label)
        judged = gather_positions(self.judge(stream, order, tokens), place)
        return self.head(self.last_norm(stream)), self.head(self.last_norm(stream + judged))

    def judge(
        self, stream: Float[Tensor, "b n d"], order: Int[Tensor, "b k"], tokens: Int[Tensor, "b n"]
    ) -> Float[Tensor, "b k d"]:
        """What the causal blocks add to the stream at each slot of ``order``; nothing at the first."""
        here, following = order[:, :-1], order[:, 1:]
        read = F.layer_norm(gather_positions(stream, order), stream.shape[-1:])
        content = self.embedding.token(tokens.gather(1, here.clamp(min=0)))
        x = content + self.from_here(read[:, :-1]) + self.from_next(read[:, 1:])
        # A key stands where its token stands, a query where the token it predicts will stand.
        angles = self.get_buffer("turns")
        own, wanted = angles[here.clamp(min=0)][:, None], angles[following.clamp(min=0)][:, None]
        tracks = here.shape[1]
        bias = self.get_buffer("causal")[:, :, :tracks, :tracks]
        for block in self.judges:
            x, _ = block(x, own, bias=bias, query_turning=wanted)
        return F.pad(self.judgement(self.judged_norm(x)), (0, 0, 1, 0))

    def draft(
        self,
        canvas: Canvas,
        where: Int[Tensor, "b q"],
        label: Int[Tensor, "b a"] | None = None,
    ) -> tuple[Float[Tensor, "b q v"], Float[Tensor, "b n d"]]:
        """The draft law at ``where``, and the trunk's stream."""
        stream = self.stream(canvas.tokens, canvas.known, label)
        return self.head(self.last_norm(gather_positions(stream, where))).log_softmax(-1), stream

    def verify(
        self,
        memory: object,
        order: Int[Tensor, "b k"],
        tokens: Int[Tensor, "b n"],
        slots: Int[Tensor, "b q"],
    ) -> Float[Tensor, "b q v"]:
        """The target law at the slots of ``order``, from the stream that ``draft`` left."""
        if not isinstance(memory, Tensor):
            raise ValueError(f"the memory comes from draft(); got a {type(memory).__name__}")
        judged = gather_positions(self.judge(memory, order, tokens), slots)
        asked = order.gather(1, slots.clamp(min=0))
        return self.head(self.last_norm(gather_positions(memory, asked) + judged)).log_softmax(-1)

    def cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """All positions through the trunk, which is a share of the network; the head where asked."""
        whole = super().cost(canvas, where)
        share = len(self.blocks) / self.shape.depth
        return Cost(
            whole.calls * share, whole.encoder_positions, whole.decoder_positions, whole.flops
        )

    def local_cost(self, group: Int[Tensor, "b g"], where: Int[Tensor, "b q"]) -> Cost:
        """The group through the trunk, which is a share of the network; the head where asked."""
        whole = super().local_cost(group, where)
        share = len(self.blocks) / self.shape.depth
        return Cost(
            whole.calls * share, whole.encoder_positions, whole.decoder_positions, whole.flops
        )

    def draft_cost(self, canvas: Canvas, where: Int[Tensor, "b q"]) -> Cost:
        """A pass of the trunk."""
        return self.cost(canvas, where)

    def verify_cost(self, order: Int[Tensor, "b k"], slots: Int[Tensor, "b q"]) -> Cost:
        """A pass of the causal blocks over the tracks before the last slot asked about."""
        d, asked = self.shape.width, (slots >= 0).sum(1)
        tracks = slots.max(1).values.clamp(min=0) if slots.shape[1] else asked
        k = tracks.double()
        blocks = len(self.judges) * (24 * k * d**2 + 4 * k**2 * d)
        outside = 6 * k * d**2 + 2 * asked.double() * d * self.shape.vocab_size
        none = torch.zeros_like(asked)
        whole = bill(asked, encoder=none, decoder=tracks, flops=blocks + outside)
        share = len(self.judges) / self.shape.depth
        return Cost(
            whole.calls * share, whole.encoder_positions, whole.decoder_positions, whole.flops
        )
