"""Reviews that behave like real ones."""

NOTICE = (
    "These reviews are synthetic, not real: the figures show how the pipeline behaves, "
    "not what people think of Netflix."
)
