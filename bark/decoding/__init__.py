"""How tokens are drawn one after the other, whatever stage they belong to."""
