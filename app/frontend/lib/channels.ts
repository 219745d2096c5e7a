/** What stands for a channel wherever a contact is shown; the word or the name stands beside it. */
const CHANNELS: Record<string, string> = { voice: "phone", sms: "message", email: "mail", chat: "message-circle" };

export function channelIcon(channel: string): string {
  return CHANNELS[channel] ?? "point";
}
