/** Small questions in the middle of the page. Enter answers, Escape leaves everything as it is. */
import { h } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";

export interface Question {
  title: string;
  body: (Node | string)[];
  confirm: string;
  danger?: boolean;
  wide?: boolean;
  /** Says what is missing; an empty text lets the answer through. */
  check?: () => string;
}

/** True when the person confirmed. */
export function ask({ title, body, confirm, danger = false, wide = false, check }: Question): Promise<boolean> {
  const error = h("p", { class: "field-error", role: "alert", hidden: true });
  const dialog = h(
    "dialog",
    { class: wide ? "dialog dialog-wide" : "dialog", "aria-label": title },
    h(
      "form",
      { method: "dialog" },
      h("h2", {}, title),
      ...body,
      error,
      h(
        "div",
        { class: "dialog-foot" },
        h("button", { type: "button", class: "btn", onclick: () => dialog.close("") }, t("Cancel")),
        h("button", { type: "submit", value: "yes", class: danger ? "btn btn-danger" : "btn btn-primary" }, confirm),
      ),
    ),
  );
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    const wrong = check?.() ?? "";
    error.textContent = wrong;
    error.hidden = !wrong;
    if (wrong) event.preventDefault();
  });
  document.body.append(dialog);
  const before = document.activeElement;
  dialog.showModal();
  dialog.querySelector<HTMLElement>("[autofocus], input, select, textarea")?.focus();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(dialog.returnValue === "yes");
    }),
  );
}

let serial = 0;

/** A labelled field; the label and the field know each other. */
export function field(label: string, control: HTMLElement, help = ""): HTMLElement {
  serial += 1;
  control.id ||= `field-${serial}`;
  const hint = help ? h("p", { class: "faint tiny", id: `${control.id}-help` }, help) : null;
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, hint);
}

export function select(options: [string, string][], chosen = ""): HTMLSelectElement {
  const made = h("select", {}, ...options.map(([value, label]) => h("option", { value }, label)));
  made.value = chosen;
  return made;
}
