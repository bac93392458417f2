import type { Credentials } from '../../core/ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../../core/ports/telegram.ts'
import { AppError } from '../../errors.ts'

/** By what any node of the cluster finds a document again. */
export interface DocumentKey {
  readonly credentials: Credentials
  readonly messageId: number
  readonly fileId?: string | undefined
  /** RemoteDocument.id: another document in its message is another file. */
  readonly id: string
}

/**
 * Locates a document by this node's own gateway. Rejects with MESSAGE_NOT_FOUND where its message holds
 * another one by now, and as TelegramGateway.locate does.
 */
export async function locateAgain(
  gateway: Pick<TelegramGateway, 'locate' | 'locateAll'>,
  { credentials, messageId, fileId, id }: DocumentKey,
  signal: AbortSignal,
): Promise<RemoteDocument> {
  const known = await gateway.locate(credentials, messageId, signal, fileId)
  if (known.id === id) return known
  // What this node remembers may be older than what the asker has seen.
  const fresh = await gateway.locateAll(credentials, [messageId], signal)
  const found = fresh.get(messageId)
  if (found?.id === id) return found
  throw new AppError('MESSAGE_NOT_FOUND', 'The channel has no such file')
}
