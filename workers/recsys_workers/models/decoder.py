"""A decoder of the library transformers, made from its configuration: the body of GPT-2 (Radford et al., 2019) or of
Llama (Touvron et al., 2023, arXiv 2302.13971) with items instead of words. Nothing is downloaded.

The item table is input and output. Positions count from the first item of the history that is looked at, so scores do
not depend on how far it is padded.

Shapes are in the suffixes: B batch, T length, D hidden size, V items.
"""

from typing import Any

import torch
from torch import Tensor, nn

from recsys_workers.models.common import SAMPLES, SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, TRANSFORMER
from recsys_workers.models.declaration import Choice, Declaration, Rule
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import NextItem
from recsys_workers.models.layers import causal_mask
from recsys_workers.models.practice import PRACTICE, PRACTICE_RULES

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
    attributes=True,
)


class Decoder(NextItem):
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

    def hidden_states(self, history_BT: Tensor, table_VD: Tensor) -> Tensor:  # noqa: N803
        length = history_BT.shape[1]
        from_the_end_T = torch.arange(length - 1, -1, -1, device=history_BT.device)
        usable_BT = (history_BT != 0) & (from_the_end_T < self.max_length)
        begun_BT = usable_BT.long().cumsum(1).clamp(max=1)
        position_BT = (begun_BT.cumsum(1) - 1).clamp(min=0)
        states: Tensor = self.body(
            inputs_embeds=self.dropout(self.embedded(history_BT, table_VD)),
            attention_mask=causal_mask(usable_BT, length),
            position_ids=position_BT,
        ).last_hidden_state
        return states


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
