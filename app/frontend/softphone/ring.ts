/** A ringing call makes itself known four ways at once: a sound, the tab's title, its icon, and the system's notification. */

export interface RingAbout {
  title: string;
  body: string;
}

export interface RingOptions {
  sound: string;
  icon: string;
  ringingIcon: string;
}

const SPEAKER_KEY = "throughline.ring-speaker";
const VOLUME_KEY = "throughline.ring-volume";
const FLASH_MS = 900;

type AudioWithSink = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

export class Ringer {
  private readonly audio: AudioWithSink;
  private readonly options: RingOptions;
  private readonly plainTitle = document.title;
  private flashing: ReturnType<typeof setInterval> | undefined;
  private notification: Notification | null = null;

  constructor(options: RingOptions) {
    this.options = options;
    this.audio = new Audio(options.sound);
    this.audio.loop = true;
    this.audio.preload = "auto";
  }

  /** The speaker that rings, which need not be the headset; "" is the system's own. */
  get speaker(): string {
    return localStorage.getItem(SPEAKER_KEY) ?? "";
  }

  set speaker(deviceId: string) {
    localStorage.setItem(SPEAKER_KEY, deviceId);
  }

  /** 0 to 1. */
  get volume(): number {
    return Number(localStorage.getItem(VOLUME_KEY) ?? "0.7");
  }

  set volume(volume: number) {
    localStorage.setItem(VOLUME_KEY, String(volume));
    this.audio.volume = volume;
  }

  get canChooseSpeaker(): boolean {
    return typeof this.audio.setSinkId === "function";
  }

  /** False when the browser won't let the sound be heard until someone clicks on the page. */
  async start(about: RingAbout): Promise<boolean> {
    this.stop();
    this.flash(about.title);
    this.setIcon(this.options.ringingIcon);
    this.notify(about);
    return this.play();
  }

  stop(): void {
    clearInterval(this.flashing);
    this.flashing = undefined;
    this.audio.pause();
    this.audio.currentTime = 0;
    this.notification?.close();
    this.notification = null;
    document.title = this.plainTitle;
    this.setIcon(this.options.icon);
  }

  /** One short ring, to hear whether the chosen speaker is the right one. */
  async try(): Promise<boolean> {
    this.audio.loop = false;
    const heard = await this.play();
    this.audio.onended = () => (this.audio.loop = true);
    return heard;
  }

  private async play(): Promise<boolean> {
    this.audio.volume = this.volume;
    await this.audio.setSinkId?.(this.speaker).catch(() => {}); // the speaker was unplugged: ring on the system's own
    return this.audio.play().then(
      () => true,
      () => false,
    );
  }

  private flash(title: string): void {
    document.title = title;
    this.flashing = setInterval(() => {
      document.title = document.title === title ? this.plainTitle : title;
    }, FLASH_MS);
  }

  private notify({ title, body }: RingAbout): void {
    if (typeof Notification === "undefined" || Notification.permission !== "granted" || document.hasFocus()) return;
    this.notification = new Notification(title, {
      body,
      icon: this.options.icon,
      tag: "throughline-ring",
      requireInteraction: true,
    });
    this.notification.onclick = () => window.focus();
  }

  private setIcon(href: string): void {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (link) link.href = href;
  }
}
