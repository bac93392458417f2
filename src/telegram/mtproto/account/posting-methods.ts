/**
 * The method of sending a part, by whose name Telegram's waits are kept. Small and large files share
 * them: the waits are about how much an account sends, whatever the file's size.
 */
export const SAVING_PARTS = 'upload.SaveFilePart'

/** As `className` has them. Each post notes the newest message first, and a bot cannot read history. */
const NEEDED = {
  user: [SAVING_PARTS, 'messages.UploadMedia', 'messages.SendMedia', 'messages.GetHistory'],
  bot: [
    SAVING_PARTS,
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
export function isNeededToPost(method: string, kind: 'user' | 'bot'): boolean {
  return NEEDED[kind].some((needed) => needed === method)
}
