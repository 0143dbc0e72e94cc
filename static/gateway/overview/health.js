// Asks how everything is, every few seconds: a worker that died sends no event to say so.

import { el, fill } from "./dom.js";

const EVERY_MS = 5000;

export function watchHealth(box) {
  const ask = async () => {
    try {
      const answer = await fetch(box.dataset.healthUrl, { headers: { Accept: "application/json" } });
      const health = await answer.json();
      if (health.components) show(health);
    } catch {
      // The web process itself does not answer; the live sign says so already.
    }
    setTimeout(ask, EVERY_MS);
  };
  setTimeout(ask, EVERY_MS);
}

function show(health) {
  const colour = document.getElementById("health-colour");
  colour.className = `colour colour-${health.colour.toLowerCase()}`;
  colour.querySelector("b").textContent = health.colour;
  fill(document.getElementById("health-services"), health.services.map((service) => el("li",
    { class: `state-${service.state.toLowerCase()}`, "data-service": service.service },
    dot(), service.service, el("span", { class: "hidden" }, ` ${service.state}`))));
  fill(document.getElementById("health-troubles"), health.components.filter((component) => component.state !== "OK")
    .map(({ name, state, detail }) => el("li", { class: `state-${state.toLowerCase()}` },
      dot(), detail ? `${name}: ${detail}` : name)));
  fill(document.getElementById("health-components"), health.components.map((component) => el("tr",
    { class: `state-${component.state.toLowerCase()}` },
    el("td", {}, component.name), el("td", {}, dot(), component.state), el("td", {}, component.detail))));
}

const dot = () => el("span", { class: "dot", ariaHidden: "true" });
