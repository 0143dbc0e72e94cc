"""S12 gateway: the door for people: sign-in, roles, the console's pages, its REST and its websocket.

Owns no document; reads all of them. Its one model, `Desk`, has no rows and carries the permissions.
"""
