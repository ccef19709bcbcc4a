"""The operator's proof that everything stored and published agrees: `reconcile.py` tells the story."""
