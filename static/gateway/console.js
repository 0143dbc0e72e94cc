// What every page does: local times, light and dark, shortcuts, row selection.

import { localClock } from "./overview/format.js";

export function localTime(ms) {
  return new Date(ms).toLocaleString(document.documentElement.lang, {
    dateStyle: "medium", timeStyle: "medium",
  }) + " " + zone(ms);
}

function zone(ms) {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts(ms);
  return parts.find((part) => part.type === "timeZoneName").value;
}

export function markTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-ms]:not([title])")) {
    time.title = localTime(Number(time.dataset.ms));
    const local = document.createElement("span");
    local.className = "local num";
    local.textContent = localClock(Number(time.dataset.ms));
    time.after(local);
  }
}

function toggleTheme() {
  const dark = document.documentElement.classList.toggle("dark");
  localStorage.setItem("adminTheme", JSON.stringify(dark ? "dark" : "light"));
  document.dispatchEvent(new CustomEvent("themechange"));
}

function moveRow(step) {
  const links = [...document.querySelectorAll("table.rows tbody tr a")]
    .filter((link, i, all) => i === 0 || link.closest("tr") !== all[i - 1].closest("tr"));
  if (!links.length) return;
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))].focus();
}

const help = document.getElementById("help");
let pendingGo = 0;

const actions = {
  "?": () => help.showModal(),
  "t": toggleTheme,
  "j": () => moveRow(1),
  "k": () => moveRow(-1),
  "/": () => document.getElementById("symbol")?.focus(),
  "h": () => document.getElementById("hide-holds")?.click(),
  "g": () => { pendingGo = Date.now(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.closest("input, select, textarea")) return;
  if (Date.now() - pendingGo < 1500) {
    pendingGo = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
});

document.getElementById("theme").addEventListener("click", toggleTheme);
document.getElementById("help-open").addEventListener("click", () => help.showModal());
document.getElementById("symbol-form")?.addEventListener("change", (event) => event.currentTarget.submit());
markTimes();
