"""A decoder of the library transformers, made from its configuration: the body of GPT-2 (Radford et al., 2019) or of
Llama (Touvron et al., 2023, arXiv 2302.13971) with items instead of words. Nothing is downloaded.

The item table is input and output. Positions count from the first item of the history that is looked at, so scores do
not depend on how far it is padded.

Shapes are in the suffixes: B batch, T length, D hidden size, V items.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import SAMPLES, SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, TRANSFORMER
from recsys_workers.models.declaration import Choice, Declaration, Rule
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.practice import PRACTICE, PRACTICE_RULES

MASKED = -1e9
"""Added to attention logits of keys that must not be seen; finite, so that a row with no visible key stays finite."""

DECLARATION = Declaration(
    architecture="Decoder",
    description="A decoder of the library transformers from its configuration: the body of GPT-2 or Llama over items.",
    parameters=(
        Choice(
            "body",
            ("GPT2", "Llama"),
            "GPT2: learned positions, layer norm, GELU. Llama: rotary positions, RMS norm, SwiGLU, and no dropout in "
            "the feed-forward layers.",
        ),
        *TRANSFORMER,
        *SEQUENCES,
        SAMPLES,
        *PRACTICE,
    ),
    rules=(
        # Rotary positions turn pairs of a head's dimensions.
        Rule("hiddenSize", "a multiple of twice", "heads"),
        *SEQUENCE_RULES,
        *PRACTICE_RULES,
    ),
    same_as=SEQUENCE_SAME_AS,
)


class Decoder(nn.Module):
    """Scores every item as the next one after a history of item indices (1 to n_items, 0 is padding on the left)."""

    DECLARATION = DECLARATION

    def __init__(self, n_items: int, hyperparameters: Hyperparameters) -> None:
        # Here, because the import takes seconds that the other architectures need not wait.
        from transformers import AutoModel

        super().__init__()
        self.max_length = hyperparameters.integer("maxLength")
        configuration = configuration_of(n_items, hyperparameters)
        self.body = AutoModel.from_config(configuration, attn_implementation="eager")
        self.item_embedding = self.body.get_input_embeddings()
        self.output_bias = nn.Parameter(torch.zeros(n_items))
        self.dropout = nn.Dropout(hyperparameters.number("dropout"))

    def hidden_states(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """The state after each position, [B, T, D]; only the last max_length positions are meaningful."""
        length = history_BT.shape[1]
        from_the_end_T = torch.arange(length - 1, -1, -1, device=history_BT.device)
        usable_BT = (history_BT != 0) & (from_the_end_T < self.max_length)
        begun_BT = usable_BT.long().cumsum(1).clamp(max=1)
        position_BT = (begun_BT.cumsum(1) - 1).clamp(min=0)
        causal_TT = torch.ones(length, length, dtype=torch.bool, device=history_BT.device).tril()
        mask_B1TT = torch.where(causal_TT[None, None] & usable_BT[:, None, None, :], 0.0, MASKED)
        states: Tensor = self.body(
            inputs_embeds=self.dropout(self.item_embedding(history_BT)),
            attention_mask=mask_B1TT,
            position_ids=position_BT,
        ).last_hidden_state
        return states

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """Mean cross-entropy over all items at every position with a target (0 means none)."""
        wanted_BT = target_BT != 0
        logits_NV = self.logits(self.hidden_states(history_BT)[wanted_BT])
        return functional.cross_entropy(logits_NV, target_BT[wanted_BT] - 1)

    def logits(self, states_ND: Tensor) -> Tensor:  # noqa: N803
        """Scores of items 1 to n_items, in that order, for each state."""
        scores_NV: Tensor = states_ND @ self.item_embedding.weight[1:].T + self.output_bias
        return scores_NV

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] of the item that comes after the history; column i belongs to item index i + 1."""
        return self.logits(self.hidden_states(history_BT)[:, -1])


def configuration_of(n_items: int, hyperparameters: Hyperparameters) -> Any:
    """The configuration of the body. Embeddings have a dropout of their own, since Llama has none."""
    from transformers import AutoConfig

    hidden_size, heads = hyperparameters.integer("hiddenSize"), hyperparameters.integer("heads")
    dropout = hyperparameters.number("dropout")
    layers, length = hyperparameters.integer("layers"), hyperparameters.integer("maxLength")
    words = {"vocab_size": n_items + 1, "bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    if hyperparameters.choice("body") == "Llama":
        return AutoConfig.for_model(
            "llama",
            **words,
            hidden_size=hidden_size,
            intermediate_size=8 * hidden_size // 3,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=length,
            attention_dropout=dropout,
            use_cache=False,
        )
    return AutoConfig.for_model(
        "gpt2",
        **words,
        n_embd=hidden_size,
        n_layer=layers,
        n_head=heads,
        n_positions=length,
        embd_pdrop=0.0,
        resid_pdrop=dropout,
        attn_pdrop=dropout,
        use_cache=False,
    )
