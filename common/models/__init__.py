"""Registry of models, search, model files, cards, evaluation, explanation."""
