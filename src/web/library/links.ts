import type { ArchiveContent, Client, LibraryItem, Ticket } from 'telestore-client'

/** What addresses are made of. */
export type LinkedFile = Pick<LibraryItem, 'messageId' | 'fileName'>

/** Addresses of files. They have a ticket, never the login token. Calls reject as the client's do. */
export interface FileLinks {
  /** Returns an address at which the browser shows the file. */
  toShow: (file: LinkedFile) => Promise<string>
  /** Makes the browser save the file. */
  save: (file: LinkedFile) => Promise<void>
  /** Makes the browser save an archive, which it goes on with by itself where the line broke. */
  saveArchive: (content: ArchiveContent) => Promise<void>
  /** Ends all addresses that were made for this user, shares too. */
  revokeAll: () => Promise<void>
}

/** A film may be paused for hours. */
const SHOW_SECONDS = 12 * 3600
const SAVE_SECONDS = 3600
/** An archive may take hours, and is paused and resumed. */
const ARCHIVE_SECONDS = 86_400

export function createFileLinks(client: Client): FileLinks {
  function ticketFor(
    { messageId, fileName }: LinkedFile,
    wish: { expiresIn: number; disposition?: 'inline' | 'attachment' },
  ): Promise<Ticket> {
    return client.ticket(messageId, { ...wish, fileName })
  }

  return {
    toShow: async (file) => {
      const wish = { expiresIn: SHOW_SECONDS, disposition: 'inline' } as const
      return (await ticketFor(file, wish)).url
    },
    save: async (file) => {
      const wish = { expiresIn: SAVE_SECONDS, disposition: 'attachment' } as const
      saveAs((await ticketFor(file, wish)).url, file.fileName)
    },
    saveArchive: async (content) => {
      // The worker knows what to call it.
      saveAs((await client.archive(content, { expiresIn: ARCHIVE_SECONDS })).url, '')
    },
    revokeAll: () => client.revokeTickets(),
  }
}

function saveAs(url: string, name: string): void {
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.download = name
  anchor.click()
}

/** Copies the text, and returns whether that worked. Without HTTPS only `execCommand` works. */
export async function copyText(
  text: string,
  field: HTMLInputElement | HTMLTextAreaElement,
): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    field.select()
    return document.execCommand('copy')
  }
}
