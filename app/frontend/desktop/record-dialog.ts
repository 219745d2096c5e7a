/** Small dialogs of the record: the server draws them, their one form goes back as JSON. The desktop stays where it is. */
import { byId, setText } from "../lib/dom.ts";
import { call as request } from "../lib/http.ts";
import { toast } from "../lib/toast.ts";
import { fragment } from "./record.ts";

export class RecordDialog {
  private readonly dialog = byId<HTMLDialogElement>("record-dialog");
  private readonly done: () => Promise<void>;

  /** `done`: what is to be drawn anew when something was changed. */
  constructor(done: () => Promise<void>) {
    this.done = done;
    this.dialog.addEventListener("click", (event) => {
      if ((event.target as Element).closest("[data-close]")) this.dialog.close();
    });
    this.dialog.addEventListener("change", (event) => switchParts(event.target as Element));
    this.dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send(event.target as HTMLFormElement);
    });
  }

  /** Shows what the server draws at `path`. */
  async open(path: string): Promise<void> {
    const drawn = await fragment(path).catch((error: Error) => void toast(error.message, { error: true }));
    if (!drawn) return;
    this.dialog.replaceChildren(...drawn.body.children);
    this.dialog.showModal();
  }

  private async send(form: HTMLFormElement): Promise<void> {
    const button = form.querySelector<HTMLButtonElement>("[type=submit]");
    if (button) button.disabled = true;
    const sent = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    try {
      await request("POST", form.getAttribute("action") ?? "", sent);
      this.dialog.close();
      toast(form.dataset["done"] ?? "");
      await this.done();
    } catch (error) {
      setText(form.querySelector<HTMLElement>("[data-problem]") ?? form, (error as Error).message);
    } finally {
      if (button) button.disabled = false;
    }
  }
}

/** A list that others hang on: `data-switch="when"` shows the part with `data-when` of the value chosen, and only that is sent. */
function switchParts(list: Element): void {
  const name = (list as HTMLElement).dataset["switch"];
  if (!name || !(list instanceof HTMLSelectElement)) return;
  for (const part of list.form?.querySelectorAll<HTMLElement>(`[data-${name}]`) ?? []) {
    part.hidden = part.dataset[name] !== list.value;
    for (const field of part.querySelectorAll<HTMLSelectElement>("select")) field.disabled = part.hidden;
  }
}
