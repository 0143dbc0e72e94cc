// Keeps a desk in step with the platform: socket first, then the snapshot, then what came meanwhile.

import { Desk } from "./desk.js";

const RETRY_MS = [500, 1000, 2000, 5000];
const REFUSED = 4403;

export class Live {
  #attempt = 0;
  #desk = null;
  #waiting = [];

  constructor({ symbol, snapshotUrl, onDesk, onState }) {
    Object.assign(this, { symbol, snapshotUrl, onDesk, onState });
  }

  start() {
    const url = new URL("/ws/overview", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("symbol", this.symbol);
    this.#desk = null;
    this.#waiting = [];
    const socket = new WebSocket(url);
    socket.onmessage = (event) => this.#receive(socket, JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  async #receive(socket, message) {
    if (message.type === "ready") {
      try {
        await this.#fetch();
      } catch {
        socket.close();
      }
      return;
    }
    if (!this.#desk) this.#waiting.push(...message.items);
    else if (message.items.length) this.#apply(message.items);
  }

  async #fetch() {
    const url = new URL(this.snapshotUrl, location.href);
    if (this.symbol) url.searchParams.set("symbol", this.symbol);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`snapshot: ${answer.status}`);
    this.#desk = new Desk(await answer.json());
    this.#attempt = 0;
    this.onState("live");
    this.#apply(this.#waiting);
    this.#waiting = [];
  }

  #apply(items) {
    items.forEach((item) => this.#desk.apply(item));
    this.onDesk(this.#desk);
  }

  #lost(code) {
    this.onState(code === REFUSED ? "not_allowed" : "lost");
    if (code === REFUSED) return;
    const wait = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
    setTimeout(() => this.start(), wait);
  }
}
