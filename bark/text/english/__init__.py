"""How English is read aloud: abbreviations, numbers, spellings and phones."""
