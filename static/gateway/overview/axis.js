// A time axis on Chart.js's linear scale: round UTC times as ticks, no date adapter needed.

import { utcClock, utcDay } from "./format.js";

const MINUTE = 60_000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080].map((m) => m * MINUTE);
const PX_PER_TICK = 90;

// A span that axes can be drawn over: one moment alone is widened to a minute.
export function timeSpan(from, to) {
  return to - from >= MINUTE ? [from, to] : [from, from + MINUTE];
}

export function timeScale(palette) {
  return {
    type: "linear",
    afterBuildTicks(scale) {
      const room = Math.max(2, Math.floor(scale.width / PX_PER_TICK));
      const step = STEPS.find((s) => (scale.max - scale.min) / s <= room) ?? STEPS.at(-1);
      const ticks = [];
      for (let t = Math.ceil(scale.min / step) * step; t <= scale.max; t += step) ticks.push({ value: t });
      scale.ticks = ticks;
    },
    ticks: {
      color: palette.muted, maxRotation: 0, autoSkip: false, font: { size: 11 },
      callback: (value) => (value % (1440 * MINUTE) === 0 ? utcDay(value) : utcClock(value).slice(0, 5)),
    },
    grid: { color: palette.line, drawTicks: false },
    border: { display: false },
  };
}

export function valueScale(palette, format) {
  return {
    position: "right",
    afterFit(scale) { scale.width += 8; }, // for the label of the last price
    ticks: { color: palette.muted, maxTicksLimit: 7, includeBounds: false, font: { size: 11 }, callback: format },
    grid: { color: palette.line, drawTicks: false },
    border: { display: false },
  };
}
