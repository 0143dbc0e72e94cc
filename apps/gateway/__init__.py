"""S12: the door for people: login, console pages, live updates, roles."""
