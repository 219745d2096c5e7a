/** All flows; a new one begins here. */
import { byId, h } from "../lib/dom.ts";
import { call } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { ask, field } from "./dialogs.ts";
import { freeId } from "./edit.ts";
import { offerBack } from "./thrown-away.ts";

async function begin(): Promise<void> {
  const title = h("input", { type: "text", maxlength: 120, autocomplete: "off", autofocus: true, placeholder: t("For instance: Saturday line") });
  const name = h("input", { type: "text", class: "mono", maxlength: 60, autocomplete: "off", spellcheck: "false" });
  let own = false;
  name.addEventListener("input", () => (own = true));
  title.addEventListener("input", () => {
    if (!own) name.value = title.value.trim() ? freeId(title.value, []) : "";
  });
  const sure = await ask({
    title: t("New flow"),
    body: [field(t("Title"), title), field(t("Name of the file"), name, t("Small letters, digits, - and _; numbers and other flows call it by this name."))],
    confirm: t("Begin"),
    check: () => (/^[a-z][a-z0-9_-]{0,59}$/.test(name.value) ? "" : t("A name has small letters, digits, - and _, and begins with a letter.")),
  });
  if (!sure) return;
  try {
    await call("POST", "/admin/flows", { name: name.value, title: title.value.trim() });
    location.assign(`/admin/flows/${name.value}`);
  } catch (error) {
    toast((error as Error).message, { error: true });
  }
}

offerBack();
byId("new-flow").addEventListener("click", () => void begin());
