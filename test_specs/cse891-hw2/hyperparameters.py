"""6.2: which hyperparameters a free text names. Kinds are counted, not words: "lr and learning rate" is one."""

from __future__ import annotations

import re

KINDS = {
    "learning rate": r"learn\w*[ _-]*rate|\blr\b|step size|schedul\w*|(rate|lr|learning)[ _-]*decay",
    "batch size": r"batch[ _-]*size|mini-?batch|size of (the |a )?(mini-?)?batch",
    "epochs": r"epochs?|number of iterations|training (time|steps)|early stopping",
    "filters": r"(number|no\.?|count|amount|how many)( of)?( convolution\w*| the)? (filters?|channels|feature maps)"
    r"|num_filters|\bwidth\b|filters per layer",
    "kernel size": r"(kernel|filter)[ _-]*sizes?|size of (the )?(kernels?|filters?)|receptive field",
    "depth": r"(number|no\.?|count)( of)?( convolution\w*| hidden| conv)? (layers|blocks)|\bdepth\b|how many layers",
    "colours": r"(number|no\.?|count)( of)? (the )?colou?rs?( classes| clusters)?|num_colou?rs|k-means clusters",
    "optimiser": r"optimi[sz]er|\badam\b|\bsgd\b|momentum|\bbetas?\b",
    "regularisation": r"weight[ _-]*decay|regulari[sz]ation|\bl2\b|drop-?out",
    "activation": r"activation( function)?s?|leaky|relu",
    "stride, padding and pooling": r"\bstrides?\b|padding|pooling|upsampl\w*",
    "dilation": r"dilation",
    "initialisation": r"initiali[sz]\w*|\bseed\b",
    "loss": r"loss function|loss weights?",
    "colour space": r"colou?r[ -]?space",
    "augmentation": r"augment\w*",
    "batch norm": r"batch[ -]?norm\w*( momentum)?",
    "skip connections": r"skip connections?",
}
ASKED = 5


def named(text: str) -> set[str]:
    """The kinds of hyperparameters that occur in `text`."""
    return {kind for kind, pattern in KINDS.items() if re.search(pattern, text, re.IGNORECASE)}
