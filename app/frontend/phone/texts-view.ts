/** Messages as a chat: one thread for each number written with, what became of each text said in words. */
import { byId, h, icon, setText, show } from "../lib/dom.ts";
import { exactly, phoneNumber, when } from "../lib/format.ts";
import { mark, t } from "../lib/texts.ts";
import type { Text, TextsStore } from "./texts-store.ts";

const STATUS: Record<string, { word: string; icon: string }> = {
  sending: { word: mark("Sending"), icon: "clock" },
  accepted: { word: mark("Sending"), icon: "clock" },
  queued: { word: mark("Sending"), icon: "clock" },
  sent: { word: mark("Sent"), icon: "check" },
  received: { word: mark("Delivered"), icon: "checks" },
  delivered: { word: mark("Delivered"), icon: "checks" },
  undelivered: { word: mark("Not delivered"), icon: "alert-circle" },
  failed: { word: mark("Not sent"), icon: "alert-circle" },
};

export class TextsView {
  peer: string;
  private store: TextsStore;
  private readonly lines: { number: string; label: string }[];
  private readonly list = byId("texts-list");
  private readonly chooser = byId<HTMLSelectElement>("peer");
  private readonly body = byId<HTMLTextAreaElement>("text-body");
  private unread = 0;

  constructor(
    lines: { number: string; label: string }[],
    store: TextsStore,
    send: (peer: string, body: string) => void,
  ) {
    this.lines = lines;
    this.store = store;
    this.peer = lines[0]?.number ?? "";
    this.chooser.addEventListener("change", () => {
      this.peer = this.chooser.value;
      this.draw();
    });
    byId("text-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const body = this.body.value.trim();
      if (!body || !this.peer) return;
      this.body.value = "";
      this.grow();
      send(this.peer, body);
    });
    this.body.addEventListener("input", () => this.grow());
    this.body.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      byId<HTMLFormElement>("text-form").requestSubmit();
    });
  }

  use(store: TextsStore): void {
    this.store = store;
    this.peer = this.lines[0]?.number ?? "";
    this.draw();
  }

  /** A text came from `peer`; counted until it was looked at. */
  arrived(peer: string, visible: boolean): void {
    if (!visible) this.unread += 1;
    if (visible || this.unread === 1) this.peer = peer;
    this.draw();
  }

  seen(): void {
    this.unread = 0;
    this.draw();
  }

  draw(): void {
    const badge = byId("unread");
    show(badge, this.unread > 0);
    setText(badge, String(this.unread));
    this.drawChooser();
    const thread = this.store.threads[this.peer] ?? [];
    this.list.replaceChildren(
      ...(thread.length ? thread.map((text, at) => bubble(text, thread[at - 1])) : [this.nothing()]),
    );
    this.list.scrollTop = this.list.scrollHeight;
  }

  private drawChooser(): void {
    const peers = [...new Set([...this.lines.map((line) => line.number), ...Object.keys(this.store.threads)])];
    this.chooser.replaceChildren(
      ...peers.map((peer) => h("option", { value: peer, selected: peer === this.peer }, this.nameOf(peer))),
    );
  }

  private nameOf(peer: string): string {
    const line = this.lines.find((one) => one.number === peer);
    return line ? `${line.label} · ${phoneNumber(peer)}` : phoneNumber(peer);
  }

  private nothing(): HTMLElement {
    return h(
      "div",
      { class: "empty" },
      icon("message-circle", "icon icon-large"),
      h("p", {}, t("Texts with this number appear here. Write one below.")),
    );
  }

  private grow(): void {
    this.body.style.height = "auto";
    this.body.style.height = `${Math.min(this.body.scrollHeight + 2, 120)}px`;
  }
}

const NEW_GROUP_MS = 20 * 60_000;

function bubble(text: Text, before: Text | undefined): HTMLElement {
  const state = STATUS[text.status];
  const bad = state?.icon === "alert-circle";
  const meta =
    text.direction === "out" && state
      ? h(
          "span",
          { class: bad ? "bubble-state is-unreachable" : "bubble-state" },
          icon(state.icon, "icon icon-small"),
          t(state.word),
          text.errorCode ? ` (${text.errorCode})` : "",
        )
      : null;
  const day =
    !before || text.at - before.at > NEW_GROUP_MS
      ? h("time", { class: "bubble-day", title: exactly(text.at) }, when(text.at))
      : null;
  const media = text.media.map(({ contentType, url }) =>
    contentType.startsWith("image/")
      ? h("img", { src: url, alt: t("Picture"), loading: "lazy" })
      : h("a", { href: url, target: "_blank", rel: "noopener" }, contentType),
  );
  return h(
    "div",
    { class: `bubble-row is-${text.direction}` },
    day,
    h("div", { class: "bubble", dir: "auto" }, ...media, text.body),
    meta,
  );
}
