// The overview: one desk, drawn at most once a frame.

import { watchAlerts } from "./alerts.js";
import { EquityChart } from "./equity_chart.js";
import { price, utcClock } from "./format.js";
import { watchHealth } from "./health.js";
import { Live } from "./live.js";
import { Panels } from "./panels.js";
import { PriceChart } from "./price_chart.js";

const words = JSON.parse(document.getElementById("words").textContent);
const box = document.getElementById("desk");
const { snapshotUrl, decisionUrl, orderUrl, symbol } = box.dataset;

const open = (item) => {
  const pattern = item.kind === "decision" ? decisionUrl : orderUrl;
  location.assign(pattern.replace("KEY", encodeURIComponent(item.key)));
};
const readout = document.getElementById("readout");
const showBar = (bar, decision) => {
  readout.textContent = !bar ? "" : [
    `${utcClock(bar.ts)} UTC`, `O ${price(bar.open)}`, `H ${price(bar.high)}`, `L ${price(bar.low)}`,
    `C ${price(bar.close)}`, decision ? words["action" + decision.action] : "",
    decision?.reason ? words[decision.reason] : decision?.rule ?? "",
  ].filter(Boolean).join("   ");
};

const panels = new Panels({ words, decisionUrl, orderUrl });
const chart = new PriceChart({
  box: document.getElementById("price-box"), canvas: document.getElementById("price"), words,
  onCursor: showBar, onOpen: open,
});
const equity = new EquityChart(document.getElementById("equity"));

let current = null;
let isDrawing = false;
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    panels.render(current);
    chart.render(current);
    equity.render(current.equityList());
    box.dataset.bars = String(current.bars.size);
  });
}

panels.hideHolds.addEventListener("change", () => {
  localStorage.setItem("hideHolds", panels.hideHolds.checked ? "1" : "0");
  if (current) draw();
});

const sign = document.getElementById("live");
function showState(state) {
  sign.dataset.state = state;
  document.getElementById("live-word").textContent = words[state];
}

new Live({
  symbol, snapshotUrl,
  onState: showState,
  onDesk: (desk) => {
    // The first decision of an empty platform names a symbol; the page begins anew with it.
    if (!symbol && (desk.symbol || desk.decisions.size)) return location.reload();
    current = desk;
    return draw();
  },
}).start();
watchHealth(document.getElementById("health"));
watchAlerts(document.getElementById("alerts"), { words });
