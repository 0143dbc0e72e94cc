"""The names of what people may do at the desk, and the roles."""

VIEW_DESK = "view_desk"
APPROVE_CHANGES = "approve_changes"

APP_LABEL = "gateway"
DESCRIPTIONS = {
    VIEW_DESK: "May see the desk: prices, decisions, orders, positions, health",
    APPROVE_CHANGES: "May approve what others requested: promotions, transfers",
}


def full_name(codename: str) -> str:
    """Return the permission as `user.has_perm` takes it."""
    return f"{APP_LABEL}.{codename}"


# Their permissions are given by migrations. Admins administer people and do not approve: who grants
# roles must not also sign off.
ROLES = ("viewer", "operator", "approver", "admin")
