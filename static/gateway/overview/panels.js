// Draws the desk's lists: positions, factors, decisions, orders, and the equity's figures.

import { localTime } from "../console.js";
import { el, fill, icon, time } from "./dom.js";
import { decimal, factor, localClock, money, price, signed, utcClock, utcDay } from "./format.js";

const SHOWN_DECISIONS = 40;
const SHOWN_ORDERS = 20;

export class Panels {
  constructor({ words, decisionUrl, orderUrl }) {
    Object.assign(this, { words, decisionUrl, orderUrl });
    this.hideHolds = document.getElementById("hide-holds");
    this.hideHolds.checked = localStorage.getItem("hideHolds") === "1";
  }

  render(desk) {
    this.#positions(desk.openPositions());
    this.#factors(desk.features);
    this.#decisions(desk.decisionList());
    this.#orders(desk.orderList());
    this.#equity(desk.equityList().at(-1));
    this.#last(desk);
  }

  #last(desk) {
    const found = desk.symbol ? desk.priceOf(desk.symbol) : null;
    text("last-px", found ? price(found.px) : "–");
    text("last-source", found ? this.words[found.source] : "");
    const { trade } = desk;
    text("last-trade", trade ? `· ${this.words.last_trade} ${price(trade.px)}` : "");
    byId("last-trade").title = trade ? `${utcClock(trade.ts)} UTC · ${localClock(trade.ts)}` : "";
  }

  #positions(positions) {
    const cards = positions.map((position) => this.#position(position));
    fill(byId("positions"), cards.length ? cards : [note(this.words.no_positions)]);
  }

  #position(position) {
    const isLong = Number(position.qty) > 0;
    const pnl = position.unrealised;
    return el("article", { class: position.isProtected ? "position" : "position bare" },
      el("header", {},
        el("a", { href: `?symbol=${encodeURIComponent(position.symbol)}` }, position.symbol),
        tag(isLong ? "buy" : "sell", this.words[isLong ? "long" : "short"]),
        el("b", { class: `num ${tone(pnl)}`, title: this.words.unrealised },
          pnl === null ? this.words.unknown : signed(pnl))),
      el("dl", { class: "num" },
        pair(this.words.entry, `${decimal(position.qty)} @ ${decimal(position.entry_px)}`),
        pair(position.price ? this.words[position.price.source] : this.words.mark,
          position.price ? price(position.price.px) : this.words.unknown),
        pair(this.words.stop, position.trigger_px
          ? `${position.covered} @ ${decimal(position.trigger_px)}` : "–")),
      position.isProtected ? null
        : el("p", { class: "alarm", role: "alert" }, icon("gpp_bad"), this.words.unprotected));
  }

  #factors(features) {
    const box = byId("factors");
    if (!features) return fill(box, [note(this.words.no_factors)]);
    text("factors-at", `${utcClock(features.ts)} UTC · ${localClock(features.ts)}`);
    return fill(box, Object.entries(features.values).map(([name, value]) => el("div", {},
      el("dt", {}, name),
      value === null ? el("dd", { class: "unknown" }, this.words.unknown) : el("dd", {}, factor(value)))));
  }

  #decisions(decisions) {
    const shown = decisions.filter((d) => !this.hideHolds.checked || d.action !== "HOLD")
      .slice(-SHOWN_DECISIONS).reverse();
    const rows = shown.map((decision) => el("tr", { "data-key": decision.key },
      el("td", {}, el("a", { href: url(this.decisionUrl, decision.key) }, stamp(decision.ts)),
        el("span", { class: "local num" }, localClock(decision.ts))),
      el("td", {}, tag(decision.action.toLowerCase(), this.words["action" + decision.action])),
      el("td", {}, decision.reason ? this.words[decision.reason] ?? decision.reason : decision.rule ?? ""),
      el("td", {}, el("code", { title: decision.because }, decision.because))));
    fill(byId("decisions"), rows.length ? rows : [emptyRow(4, this.words.no_decisions)]);
  }

  #orders(orders) {
    const shown = orders.slice(-SHOWN_ORDERS).reverse();
    const rows = shown.map((order) => el("tr", { "data-key": order.key },
      el("td", {}, el("a", { href: url(this.orderUrl, order.key) }, stamp(order.ts)),
        el("span", { class: "local num" }, localClock(order.ts))),
      el("td", {}, this.words[order.purpose] ?? order.purpose),
      el("td", {}, tag(order.side.toLowerCase(), order.side)),
      el("td", { class: "right num" }, `${decimal(order.filled_qty)} / ${decimal(order.qty)}`),
      el("td", { class: "right num" }, decimal(order.avg_px ?? order.px ?? order.trigger_px)),
      el("td", {}, tag(order.state.toLowerCase().replaceAll("_", "-"), order.state),
        order.refused_by ? el("span", { class: "muted" }, ` ${order.refused_by}`) : null)));
    fill(byId("orders"), rows.length ? rows : [emptyRow(6, this.words.no_orders)]);
  }

  #equity(mark) {
    const empty = byId("equity-empty");
    empty.hidden = Boolean(mark);
    empty.textContent = mark ? "" : this.words.no_equity;
    fill(byId("equity-figures"), !mark ? [] : [
      el("b", {}, money(Number(mark.equity))),
      el("span", { class: tone(Number(mark.day_pnl)) }, `${signed(Number(mark.day_pnl))} ${this.words.day}`),
      el("span", { class: "muted" }, `${this.words.unrealised} ${signed(Number(mark.unrealised))}`),
    ]);
  }
}

const byId = (id) => document.getElementById(id);
const text = (id, value) => { byId(id).textContent = value; };
const url = (pattern, key) => pattern.replace("KEY", encodeURIComponent(key));
const note = (words) => el("p", { class: "note" }, words);
const tag = (kind, words) => el("span", { class: `tag tag-${kind}` }, words);
const pair = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
const emptyRow = (columns, words) => el("tr", {}, el("td", { colSpan: columns, class: "note" }, words));
const stamp = (ts) => time(ts, `${utcDay(ts)} ${utcClock(ts)}`, localTime(ts));
const tone = (value) => (value > 0 ? "gain" : value < 0 ? "loss" : "");
