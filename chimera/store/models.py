"""Tables of the embedded document store. Only `chimera.store.embedded` reads and writes them."""

from django.db import models
from django.db.models.fields.json import KT


class Document(models.Model):
    """The latest revision of one document."""

    collection = models.CharField(max_length=32)
    key = models.CharField(max_length=200)
    revision = models.PositiveIntegerField()
    symbol = models.TextField()
    ts = models.BigIntegerField(help_text="UTC ms")
    body = models.JSONField()
    # Computed by the database, so that the write path need not look into the body.
    state = models.GeneratedField(
        expression=KT("body__state"), output_field=models.TextField(null=True), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "key"], name="store_document_unique")
        ]
        indexes = [
            models.Index(fields=["collection", "ts"], name="store_document_ts"),
            models.Index(fields=["collection", "symbol", "ts"], name="store_document_symbol"),
            models.Index(
                fields=["collection", "state", "ts"],
                name="store_document_state",
                condition=models.Q(state__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}/{self.key}"


class Edge(models.Model):
    """One step of lineage; both ends are ``collection/key``."""

    parent = models.TextField()
    child = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "child"], name="store_edge_unique")
        ]
        indexes = [models.Index(fields=["child"], name="store_edge_child")]

    def __str__(self) -> str:
        return f"{self.parent} -> {self.child}"
