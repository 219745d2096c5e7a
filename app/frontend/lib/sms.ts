/** How a text is cut into segments. Source: GSM 03.38 and 3GPP TS 23.040 (a concatenated part gives seven septets or three characters to its header). */

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("^{}\\[~]|€\f");

export interface Segments {
  encoding: "GSM-7" | "UCS-2";
  count: number;
  /** Units (septets or UTF-16 code units) still free in the last segment. */
  left: number;
}

export function segments(text: string): Segments {
  const characters = [...text];
  const gsm = characters.every((character) => BASIC.has(character) || EXTENDED.has(character));
  const sizes = characters.map((character) => (gsm ? (EXTENDED.has(character) ? 2 : 1) : character.length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const [single, part] = gsm ? [160, 153] : [70, 67];
  if (total <= single) return { encoding: gsm ? "GSM-7" : "UCS-2", count: total ? 1 : 0, left: single - total };
  return { encoding: gsm ? "GSM-7" : "UCS-2", ...packed(sizes, part) };
}

/** A character of two units is never torn between two segments. */
function packed(sizes: number[], part: number): { count: number; left: number } {
  let count = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > part) {
      count += 1;
      used = 0;
    }
    used += size;
  }
  return { count, left: part - used };
}
