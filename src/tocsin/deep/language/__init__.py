"""Networks that read text: a sentence encoder of the BERT family, and a character network learned from scratch."""
