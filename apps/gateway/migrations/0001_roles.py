"""The desk's permissions and the four roles that hold them."""

from django.db import migrations, models

PERMISSIONS = {
    "view_desk": "May see the desk: prices, decisions, orders, positions, health",
    "approve_changes": "May approve what others requested: promotions, transfers",
}
# Permission by app, model and codename, with the names that Django gives its own: on a new database
# those do not exist before all migrations have run.
SEE = [("gateway", "desk", "view_desk"), ("config", "release", "view_release")]
ROLES = {
    "viewer": SEE,
    "operator": [*SEE, ("config", "release", "add_release")],
    "approver": [*SEE, ("gateway", "desk", "approve_changes")],
    "admin": [
        *SEE,
        ("config", "release", "add_release"),
        ("auth", "user", "view_user"),
        ("auth", "user", "add_user"),
        ("auth", "user", "change_user"),
        ("auth", "group", "view_group"),
    ],
}


def make_roles(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for role, wanted in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        for app_label, model, codename in wanted:
            content_type, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
            name = PERMISSIONS.get(codename, f"Can {codename.replace('_', ' ')}")
            permission, _ = Permission.objects.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
            group.permissions.add(permission)


def remove_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.CreateModel(
            name="Desk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "desk",
                "permissions": list(PERMISSIONS.items()),
                "default_permissions": (),
            },
        ),
        migrations.RunPython(make_roles, remove_roles),
    ]
