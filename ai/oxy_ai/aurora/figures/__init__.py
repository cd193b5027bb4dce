"""The business's figures of a period, as Aurora tells them."""
