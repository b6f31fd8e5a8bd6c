"""From fine tokens to sound and back: EnCodec, and the small codec of nano."""
