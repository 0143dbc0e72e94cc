// Asks for the newest alerts, every few seconds: not all of them pass on a stream.

import { localTime } from "../console.js";
import { el, fill, time } from "./dom.js";
import { localClock, utcClock, utcDay } from "./format.js";

const EVERY_MS = 5000;

export function watchAlerts(box, { words }) {
  const { url, documentUrl } = box.dataset;
  const ask = async () => {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok) show(box, (await answer.json()).items, documentUrl, words);
    } catch {
      // The web process does not answer; the live sign says so already.
    }
    setTimeout(ask, EVERY_MS);
  };
  ask();
}

function show(box, alerts, documentUrl, words) {
  fill(box, alerts.length ? alerts.map((alert) => row(alert, documentUrl))
    : [el("li", { class: "note" }, words.no_alerts)]);
}

function row({ key, ts, severity, service, detail }, documentUrl) {
  return el("li", { "data-key": key },
    el("p", {},
      el("span", { class: `tag tag-${severity.toLowerCase()}` }, severity), " ",
      el("a", { href: documentUrl.replace("KEY", encodeURIComponent(key)) }, service)),
    el("p", { class: "detail", title: detail }, detail),
    el("p", { class: "when num" },
      time(ts, `${utcDay(ts)} ${utcClock(ts)} UTC`, localTime(ts)), ` · ${localClock(ts)}`));
}
