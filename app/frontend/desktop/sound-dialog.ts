/** Where the ring is heard and how loud, and whether the microphone works. */
import { byId, h, icon, show } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import type { Ringer } from "../softphone/ring.ts";
import type { AgentPhone } from "./agent-phone.ts";

export function soundDialog(ringer: Ringer, phone: AgentPhone): void {
  const dialog = byId<HTMLDialogElement>("sound-dialog");
  const speaker = byId<HTMLSelectElement>("ring-speaker");
  const volume = byId<HTMLInputElement>("ring-volume");
  byId("open-sound").addEventListener("click", () => {
    byId("presence-menu").hidePopover();
    volume.value = String(ringer.volume);
    void drawSpeakers(speaker, ringer);
    void drawMicrophone(phone);
    dialog.showModal();
  });
  speaker.addEventListener("change", () => (ringer.speaker = speaker.value));
  volume.addEventListener("input", () => (ringer.volume = Number(volume.value)));
  byId("try-ring").addEventListener("click", async () => {
    if (!(await ringer.try()))
      toast(t("The browser would not play the ring. Check that this tab is not muted."), { error: true });
  });
  byId("open-keys").addEventListener("click", () => {
    byId("presence-menu").hidePopover();
    byId<HTMLDialogElement>("keys-dialog").showModal();
  });
}

async function drawSpeakers(select: HTMLSelectElement, ringer: Ringer): Promise<void> {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const outputs = devices.filter(
    (device) => device.kind === "audiooutput" && device.deviceId !== "default" && device.deviceId !== "",
  );
  select.replaceChildren(
    h("option", { value: "" }, t("The system's loudspeaker")),
    ...outputs.map(({ deviceId, label }) =>
      h("option", { value: deviceId, selected: deviceId === ringer.speaker }, label || t("Another loudspeaker")),
    ),
  );
  select.disabled = !ringer.canChooseSpeaker;
  show(byId("ring-speaker-help"), ringer.canChooseSpeaker);
}

async function drawMicrophone(phone: AgentPhone): Promise<void> {
  const { mic } = phone.status;
  const good = mic === null;
  const state = byId("microphone-state");
  state.className = `state ${good ? "is-ready" : "is-unreachable"}`;
  state.replaceChildren(icon(good ? "microphone" : "microphone-off"), good ? t("Works") : t("Does not work yet"));
}
