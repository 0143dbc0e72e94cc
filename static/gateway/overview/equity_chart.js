// The equity curve.

import { timeScale, timeSpan, valueScale } from "./axis.js";
import { colours } from "./colours.js";
import { money } from "./format.js";

export class EquityChart {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = [];
    this.#make();
    document.addEventListener("themechange", () => { this.chart.destroy(); this.#make(); });
  }

  render(marks) {
    this.points = marks.map((mark) => ({ x: mark.ts, y: Number(mark.equity) }));
    this.chart.data.datasets[0].data = this.points;
    const { x } = this.chart.options.scales;
    if (this.points.length) [x.min, x.max] = timeSpan(this.points[0].x, this.points.at(-1).x);
    this.chart.update("none");
  }

  #make() {
    const palette = colours();
    this.chart = new Chart(this.canvas, {
      type: "line",
      data: { datasets: [{ data: this.points, borderColor: palette.accent, borderWidth: 1.5,
        pointRadius: 0, stepped: true }] },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
        plugins: { legend: { display: false }, tooltip: { enabled: false } },
        scales: { x: timeScale(palette), y: { ...valueScale(palette, (v) => money(v)), grace: "5%" } },
      },
    });
  }
}
