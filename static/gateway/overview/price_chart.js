// Candles with what was decided, sent and filled drawn on them. Chart.js gives axes and sizing.
//
// Drawn, in this order: lives of resting orders, candles, fills, decisions, the ribbon of held bars
// along the foot, the last price, the cursor. What can be opened is remembered with its place.

import { timeScale, valueScale } from "./axis.js";
import { colours } from "./colours.js";
import { price } from "./format.js";
import { drawCandles, drawCursor, drawDecisions, drawFills, drawLastPrice, drawOrders } from "./drawing.js";

const EMPTY_SLOTS = 4; // room at the right for what comes next

export class PriceChart {
  #desk = null;
  #cursor = null;

  constructor({ box, canvas, words, onCursor, onOpen }) {
    Object.assign(this, { box, canvas, words, onCursor, onOpen });
    this.view = { bars: [], hits: [] };
    this.#make();
    document.addEventListener("themechange", () => { this.chart.destroy(); this.#make(); this.render(this.#desk); });
    canvas.addEventListener("mousemove", (event) => this.#hover(event));
    canvas.addEventListener("mouseleave", () => this.#moveTo(null));
    canvas.addEventListener("click", (event) => this.#click(event));
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("blur", () => this.#moveTo(null));
  }

  render(desk) {
    if (!desk) return;
    this.#desk = desk;
    const bars = desk.barList();
    this.view = {
      bars,
      step: barStep(bars),
      decisions: desk.decisionList(),
      orders: desk.orderList(),
      fills: desk.fillList(),
      last: desk.symbol ? desk.priceOf(desk.symbol) : null,
      hits: [],
    };
    this.#scale();
    this.chart.update("none");
  }

  #scale() {
    const { bars, step, last, orders } = this.view;
    const { x, y } = this.chart.options.scales;
    if (!bars.length) return;
    x.min = bars[0].open_time;
    x.max = bars.at(-1).open_time + step * (1 + EMPTY_SLOTS);
    let low = Math.min(...bars.map((bar) => bar.low), last?.px ?? Infinity);
    let high = Math.max(...bars.map((bar) => bar.high), last?.px ?? -Infinity);
    const reach = (high - low) * 0.6; // an open order near the market is worth room, one far away not
    for (const order of orders.filter((found) => found.is_open)) {
      const px = Number(order.trigger_px ?? order.px ?? NaN);
      if (px < low && px > low - reach) low = px;
      if (px > high && px < high + reach) high = px;
    }
    const room = (high - low || high * 0.001) * 0.08;
    y.min = low - room * 1.6;
    y.max = high + room;
  }

  #make() {
    const palette = colours();
    const draw = {
      id: "desk",
      beforeDatasetsDraw: (chart) => {
        const view = this.view;
        view.hits = [];
        if (!view.bars.length) return;
        const frame = { context: chart.ctx, area: chart.chartArea, x: chart.scales.x, y: chart.scales.y, palette, words: this.words };
        drawOrders(frame, view);
        drawCandles(frame, view);
        drawFills(frame, view);
        drawDecisions(frame, view);
        drawLastPrice(frame, view);
        if (this.#cursor !== null) drawCursor(frame, view, this.#cursor);
      },
    };
    this.chart = new Chart(this.canvas, {
      type: "scatter",
      data: { datasets: [] },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, events: [],
        layout: { padding: { top: 4 } },
        plugins: { legend: { display: false }, tooltip: { enabled: false } },
        scales: { x: timeScale(palette), y: valueScale(palette, price) },
      },
      plugins: [draw],
    });
  }

  #hover(event) {
    const hit = this.#hitAt(event);
    this.canvas.classList.toggle("can-open", Boolean(hit));
    this.#moveTo(this.#barAt(event.offsetX));
  }

  #click(event) {
    const hit = this.#hitAt(event);
    if (hit) this.onOpen(hit.item);
  }

  #hitAt({ offsetX, offsetY }) {
    return this.view.hits.findLast((hit) => Math.abs(hit.x - offsetX) <= hit.rx && Math.abs(hit.y - offsetY) <= hit.ry);
  }

  #barAt(px) {
    const { bars, step } = this.view;
    const at = this.chart.scales.x.getValueForPixel(px);
    const index = bars.findIndex((bar) => at >= bar.open_time && at < bar.open_time + step);
    return index < 0 ? null : index;
  }

  #key(event) {
    const { bars, decisions } = this.view;
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move && bars.length) {
      event.preventDefault();
      const from = this.#cursor ?? (move < 0 ? bars.length : bars.length - 2);
      this.#moveTo(Math.max(0, Math.min(bars.length - 1, from + move)));
    } else if (event.key === "Enter" && this.#cursor !== null) {
      const bar = bars[this.#cursor];
      const decision = decisions.find((found) => found.ts === bar.ts);
      if (decision) this.onOpen(decision);
    }
  }

  #moveTo(index) {
    if (index === this.#cursor) return;
    this.#cursor = index;
    const bar = index === null ? null : this.view.bars[index];
    this.onCursor(bar, bar && this.view.decisions.find((found) => found.ts === bar.ts));
    this.chart.draw();
  }
}

function barStep(bars) {
  let step = Infinity;
  for (let i = 1; i < bars.length; i += 1) step = Math.min(step, bars[i].open_time - bars[i - 1].open_time);
  return Number.isFinite(step) ? step : bars.length ? bars[0].ts - bars[0].open_time : 60_000;
}
