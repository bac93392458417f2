import type { Client, Ticket } from 'telestore-client'
import type { LibraryEntry } from './library.ts'

/** A film may be paused for hours. */
const SHOW_SECONDS = 12 * 3600
const SAVE_SECONDS = 3600

/** How long a link may open its file. */
export const LIFETIMES = [
  { seconds: 3600, label: '1 hour' },
  { seconds: 86_400, label: '1 day' },
  { seconds: 7 * 86_400, label: '7 days' },
] as const

/** Returns an address at which the browser shows the file. It has a ticket, never the login token. */
export async function linkToShow(client: Client, entry: LibraryEntry): Promise<string> {
  const wish = { expiresIn: SHOW_SECONDS, disposition: 'inline' } as const
  return (await ticketFor(client, entry, wish)).url
}

export async function saveFile(client: Client, entry: LibraryEntry): Promise<void> {
  const wish = { expiresIn: SAVE_SECONDS, disposition: 'attachment' } as const
  const anchor = document.createElement('a')
  anchor.href = (await ticketFor(client, entry, wish)).url
  anchor.download = entry.name
  anchor.click()
}

/** Returns an absolute address for other people. */
export async function linkToShare(
  client: Client,
  entry: LibraryEntry,
  expiresIn: number,
): Promise<string> {
  const { link } = await ticketFor(client, entry, { expiresIn })
  return new URL(link, location.href).href
}

/** Copies the text, and returns whether that worked. Without HTTPS only `execCommand` works. */
export async function copyText(text: string, field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    field.select()
    return document.execCommand('copy')
  }
}

function ticketFor(
  client: Client,
  { messageId, fileId, name }: LibraryEntry,
  wish: { expiresIn: number; disposition?: 'inline' | 'attachment' },
): Promise<Ticket> {
  return client.ticket(messageId, {
    ...wish,
    fileName: name,
    ...(fileId !== null && { fileId }),
  })
}
