/**
 * The method of sending a part, by whose name Telegram's waits are kept. Small and large files share
 * them: the waits are about how much an account sends, whatever the file's size.
 */
export const SAVE_PART_METHOD = 'upload.SaveFilePart'

/** Named as gramjs' `className`. Each post notes the newest message first, and a bot cannot read history. */
const NEEDED = {
  user: [SAVE_PART_METHOD, 'messages.UploadMedia', 'messages.SendMedia', 'messages.GetHistory'],
  bot: [
    SAVE_PART_METHOD,
    'messages.UploadMedia',
    'messages.SendMedia',
    'channels.GetFullChannel',
    'channels.GetMessages',
  ],
} as const

/**
 * Whether no file can be posted without this method. A wait on any other, such as the search for one
 * channel, concerns only the callers of that method.
 */
export function isPostingMethod(method: string, kind: 'user' | 'bot'): boolean {
  return NEEDED[kind].some((needed) => needed === method)
}
