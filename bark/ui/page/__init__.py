"""What stands where on the page, its words, and what it is told to show."""
