"""Who is joined to what: the events of the page and the endpoints call the actions."""
