"""Every AQL text the ArangoDB store sends. Values travel as bind variables only."""

from typing import NamedTuple

LINEAGE_EDGES = "lineage"
LINEAGE_GRAPH = "lineage_graph"

# Changes a document only where the revision before is the stored one. `ignoreRevs` off makes the
# server compare its own revision too, so that no other writer slips in between read and replace.
REPLACE = """
FOR write IN @writes
  FOR stored IN @@collection
    FILTER stored._key == write._key AND stored.revision == write.revision - 1
    REPLACE { _key: stored._key, _rev: stored._rev } WITH write IN @@collection
      OPTIONS { waitForSync: true, ignoreRevs: false }
    RETURN NEW._key
"""

STORED = """
FOR stored IN @@collection
  FILTER stored._key IN @keys
  RETURN { key: stored._key, revision: stored.revision, body: stored.body }
"""

ANCESTORS = f"""
FOR node, edge IN 1..@max_depth INBOUND @start GRAPH '{LINEAGE_GRAPH}'
  OPTIONS {{ order: 'bfs', uniqueVertices: 'global' }}
  LIMIT @limit
  RETURN edge._from
"""

DESCENDANTS = f"""
FOR node, edge IN 1..@max_depth OUTBOUND @start GRAPH '{LINEAGE_GRAPH}'
  OPTIONS {{ order: 'bfs', uniqueVertices: 'global' }}
  LIMIT @limit
  RETURN edge._to
"""

EDGES_AMONG = f"""
FOR edge IN {LINEAGE_EDGES}
  FILTER edge._to IN @nodes AND edge._from IN @nodes
  LIMIT @limit
  RETURN {{ parent: edge._from, child: edge._to }}
"""


class Shape(NamedTuple):
    """What makes one query text differ from another: the index it uses, and its direction."""

    symbol: bool
    state: bool
    order: str


def _query(shape: Shape) -> str:
    beyond = ">" if shape.order == "asc" else "<"
    return f"""
FOR document IN @@collection
  FILTER document.ts >= @ts_low AND document.ts < @ts_high
  {"FILTER document.symbol == @symbol" if shape.symbol else ""}
  {"FILTER document.body.state == @state" if shape.state else ""}
  FILTER document.ts {beyond} @after_ts OR document._key {beyond} @after_key
  FILTER LENGTH(@equal) == 0 OR MATCHES(document.body, @equal)
  SORT document.ts {shape.order.upper()}, document._key {shape.order.upper()}
  LIMIT @limit
  RETURN {{
    key: document._key, revision: document.revision, ts: document.ts, body: document.body
  }}
"""


QUERIES = {
    shape: _query(shape)
    for shape in (
        Shape(symbol, state, order)
        for symbol in (False, True)
        for state in (False, True)
        for order in ("asc", "desc")
    )
}
