/** A flow that was never live is gone with its draft: the list of flows says so, and has it back. */
import { call } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";

const KEY = "throughline.thrown-away";
const LIST = "/admin/flows";

export function leaveThrownAway(name: string): void {
  sessionStorage.setItem(KEY, name);
  location.assign(LIST);
}

/** On the list: say what was thrown away a moment ago, once. */
export function offerBack(): void {
  const name = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  if (name) toast(t("The draft of {name} was thrown away.", { name }), { undo: { label: t("Undo"), act: () => void haveBack(name) } });
}

async function haveBack(name: string): Promise<void> {
  const editor = `${LIST}/${encodeURIComponent(name)}`;
  try {
    await call("POST", `${editor}/draft/restore`, {});
    location.assign(editor);
  } catch (error) {
    toast((error as Error).message, { error: true });
  }
}
