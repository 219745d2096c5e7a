/** `<form data-keep>`: when the server says no, what was typed stays and the field at fault says why; when it says yes, the page is drawn anew. */
import { h } from "../lib/dom.ts";
import { Refusal, call } from "../lib/http.ts";
import { toast } from "../lib/toast.ts";
import { reveal } from "./folds.ts";

export function keptForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !("keep" in form.dataset)) return;
    event.preventDefault();
    void send(form);
  });
}

async function send(form: HTMLFormElement): Promise<void> {
  const button = form.querySelector<HTMLButtonElement>("[type=submit]");
  if (button?.disabled) return;
  for (const old of form.querySelectorAll(".field-error")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  if (button) button.disabled = true;
  try {
    await call("POST", form.action, Object.fromEntries(new FormData(form)));
    location.reload();
  } catch (error) {
    if (button) button.disabled = false;
    showRefusal(form, error as Error);
  }
}

function showRefusal(form: HTMLFormElement, error: Error): void {
  const name = error instanceof Refusal ? (error.body as { error?: { field?: string } } | null)?.error?.field : undefined;
  const field = name ? fieldOf(form, name) : null;
  if (!name || !field) return toast(error.message, { error: true });
  reveal(field);
  const words = h("p", { class: "field-error", role: "alert", id: `${field.id || field.name}-error` }, error.message.startsWith(`${name}: `) ? error.message.slice(name.length + 2) : error.message);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", words.id);
  field.closest(".field, .setting-rows")?.append(words);
  field.focus();
}

/** The field of this name, or the first one of a list that has it (`overflow` of `overflow-0-when`, …). */
function fieldOf(form: HTMLFormElement, name: string): HTMLInputElement | null {
  const [list] = name.split(".");
  const fields = [...form.elements] as HTMLInputElement[];
  return fields.find((each) => each.name === name) ?? fields.find((each) => each.name.startsWith(`${list}-`)) ?? null;
}
