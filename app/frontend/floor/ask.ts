/** One question before something that cannot be taken back. */
import { byId, h } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";

interface Question {
  title: string;
  body: Node[];
  confirm: string;
}

/** True when the person confirms; Escape and Cancel say no. */
export function ask({ title, body, confirm }: Question): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("ask");
  const head = h("h2", { id: "ask-title" }, title);
  const foot = h(
    "div",
    { class: "sheet-foot" },
    h("button", { type: "submit", class: "btn", value: "no", formnovalidate: true }, t("Cancel")),
    h("button", { type: "submit", class: "btn btn-primary", value: "yes", autofocus: true }, confirm),
  );
  dialog.replaceChildren(h("form", { method: "dialog" }, head, ...body, foot));
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

export function choice(
  label: string,
  options: { value: number; label: string }[],
  chosen: number | null,
): { field: HTMLElement; select: HTMLSelectElement } {
  const select = h("select", { id: "ask-choice" }, ...options.map((each) => h("option", { value: each.value, selected: each.value === chosen }, each.label)));
  return { field: h("div", { class: "field" }, h("label", { for: "ask-choice" }, label), select), select };
}
