/** Times, durations and numbers as people read them. */

/** Seconds as 3:07 or 1:02:09; never negative. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}

/** +15550102030 as +1 555 010 2030; numbers of other shapes in groups of three from the left, everything else as it is. */
export function phoneNumber(address: string): string {
  const north = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(address);
  if (north) return `+1 ${north[1]} ${north[2]} ${north[3]}`;
  const other = /^\+(\d{2})(\d{6,13})$/.exec(address);
  return other ? `+${other[1]} ${other[2]?.replace(/(\d{3})(?=\d)/g, "$1 ")}` : address;
}

/** E.164 from what people type: spaces, dashes, dots and brackets may stand between; 00 may stand for +. Null when it can't be one. */
export function toE164(typed: string): string | null {
  const compact = typed.replace(/[\s().\-–]/g, "").replace(/^00/, "+");
  return /^\+[1-9]\d{6,14}$/.test(compact) ? compact : null;
}

/** 09:12 today, "Yesterday 09:12", "Tue 09:12" within a week, else 3 Nov 2026 09:12; in the page's language. */
export function when(
  iso: string | number | Date,
  now = new Date(),
  language = document.documentElement.lang || "en",
): string {
  const at = new Date(iso);
  const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
  const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
  if (days === 0) return time;
  if (days === 1)
    return `${capital(new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-1, "day"))} ${time}`;
  if (days > 1 && days < 7) return `${new Intl.DateTimeFormat(language, { weekday: "short" }).format(at)} ${time}`;
  const year = at.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return `${new Intl.DateTimeFormat(language, { day: "numeric", month: "short", ...year }).format(at)} ${time}`;
}

/** As `when`, for narrow places: the clock today, else the day alone. */
export function whenShort(iso: string, now = new Date(), language = document.documentElement.lang || "en"): string {
  const at = new Date(iso);
  const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
  if (days === 0) return when(at, now, language);
  if (days === 1) return capital(new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-1, "day"));
  if (days < 7) return new Intl.DateTimeFormat(language, { weekday: "short" }).format(at);
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "short" }).format(at);
}

/** The exact time with its zone, for hovering. */
export function exactly(iso: string | number | Date, language = document.documentElement.lang || "en"): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" }).format(new Date(iso));
}

/** Up to two letters that stand for a name; the last two characters of a Chinese one. */
export function initials(name: string): string {
  const trimmed = name.trim();
  if (/^[\u4e00-\u9fff]+$/.test(trimmed)) return trimmed.slice(-2);
  const words = trimmed.split(/\s+/).filter((word) => /\p{L}/u.test(word));
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...(word ?? "")][0]?.toUpperCase() ?? "").join("") || "#";
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
