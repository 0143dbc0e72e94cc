// The page's state: what a snapshot said, and every item since. No drawing, no network.
//
// An item that is older than what is known changes nothing, so items may come twice and early.

const byTime = (a, b) => a.ts - b.ts || (a.key < b.key ? -1 : 1);

export class Desk {
  constructor(snapshot) {
    this.symbol = snapshot.symbol;
    this.limits = snapshot.limits;
    this.bars = new Map();
    this.decisions = new Map();
    this.orders = new Map();
    this.fills = new Map();
    this.equity = new Map();
    this.positions = new Map();
    this.marks = new Map();
    this.trade = null;
    this.features = null;
    snapshot.items.forEach((item) => this.apply(item));
  }

  apply(item) {
    switch (item.kind) {
      case "bar": this.#keep(this.bars, item.open_time, item, this.limits.bar); break;
      case "decision": this.#keep(this.decisions, item.key, item, this.limits.decision); break;
      case "fill": this.#keep(this.fills, item.key, item, this.limits.fill); break;
      case "equity": this.#keep(this.equity, item.key, item, this.limits.equity); break;
      case "order": newer(this.orders, item.key, item, "revision"); break;
      case "position": newer(this.positions, item.symbol, item, "sequence"); break;
      case "mark": newer(this.marks, item.symbol, item, "ts"); break;
      case "trade":
        if (!this.trade || item.ts >= this.trade.ts) this.trade = item;
        break;
      case "features":
        if (!this.features || item.ts >= this.features.ts) this.features = item;
        break;
    }
  }

  barList() { return [...this.bars.values()].sort((a, b) => a.open_time - b.open_time); }
  decisionList() { return [...this.decisions.values()].sort(byTime); }
  fillList() { return [...this.fills.values()].sort(byTime); }
  equityList() { return [...this.equity.values()].sort(byTime); }

  orderList() {
    return [...this.orders.values()]
      .filter((order) => order.symbol === this.symbol).sort(byTime).slice(-this.limits.order);
  }

  lastBar() { return this.barList().at(-1) ?? null; }

  // Prices of positions: the mark, which for the chosen symbol may have to be the bar's close.
  priceOf(symbol) {
    const mark = this.marks.get(symbol);
    const bar = symbol === this.symbol ? this.lastBar() : null;
    if (mark && (!bar || mark.ts >= bar.ts)) return { px: mark.px, source: "mark" };
    return bar ? { px: bar.close, source: "bar" } : mark ? { px: mark.px, source: "mark" } : null;
  }

  openPositions() {
    return [...this.positions.values()].filter((position) => Number(position.qty) !== 0)
      .sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
      .map((position) => ({ ...position, ...this.#protection(position), ...this.#unrealised(position) }));
  }

  // As the guardian counts: the largest resting stop of the closing side.
  #protection(position) {
    const held = Math.abs(Number(position.qty));
    const side = Number(position.qty) > 0 ? "SELL" : "BUY";
    const stops = [...this.orders.values()].filter((order) => order.purpose === "stop"
      && order.symbol === position.symbol && order.side === side
      && (order.state === "OPEN" || order.state === "PARTIALLY_FILLED"));
    const best = stops.reduce((a, b) => (!a || leaves(b) > leaves(a) ? b : a), null);
    const covered = best ? Math.min(held, leaves(best)) : 0;
    return { covered, trigger_px: best?.trigger_px ?? null, isProtected: covered >= held * (1 - 1e-12) };
  }

  #unrealised(position) {
    const price = this.priceOf(position.symbol);
    if (!price) return { unrealised: null, price: null };
    return { price, unrealised: Number(position.qty) * (price.px - Number(position.entry_px)) };
  }

  #keep(map, key, item, limit) {
    map.set(key, item);
    if (map.size <= limit) return;
    const oldest = [...map.values()].sort(item.kind === "bar"
      ? (a, b) => a.open_time - b.open_time : byTime)[0];
    map.delete(item.kind === "bar" ? oldest.open_time : oldest.key);
  }
}

const leaves = (order) => Number(order.qty) - Number(order.filled_qty);

function newer(map, key, item, field) {
  const known = map.get(key);
  if (!known || item[field] > known[field]) map.set(key, item);
}
